-- One row per campaign of Salesforce x version, tombstones included.
with

renamed as (

    {{ vendor_rows('salesforce', 'campaign', 'campaign') }}

)

select * from renamed
