-- One row per contact of HubSpot x version, tombstones included.
with

renamed as (

    {{ vendor_rows('hubspot', 'person', 'contact') }}

)

select * from renamed
