-- One row per company of HubSpot x version, tombstones included.
with

renamed as (

    {{ vendor_rows('hubspot', 'account', 'company') }}

)

select * from renamed
