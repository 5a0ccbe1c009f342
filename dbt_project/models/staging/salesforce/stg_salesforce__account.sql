-- One row per account of Salesforce x version, tombstones included.
with

renamed as (

    {{ vendor_rows('salesforce', 'account', 'account') }}

)

select * from renamed
