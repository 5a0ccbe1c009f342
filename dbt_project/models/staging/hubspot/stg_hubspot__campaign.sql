-- One row per campaign of HubSpot x version, tombstones included.
with

renamed as (

    {{ vendor_rows('hubspot', 'campaign', 'campaign') }}

)

select * from renamed
