-- One row per contact role of Salesforce x version, tombstones included.
with

renamed as (

    {{ vendor_rows('salesforce', 'opportunity_contact_role', 'opportunity_contact_role') }}

)

select * from renamed
