-- One row per user of Salesforce x version.
with

renamed as (

    {{ vendor_rows('salesforce', 'user', 'user') }}

)

select * from renamed
