-- One row per deal and associated contact of HubSpot x version, tombstones included.
with

renamed as (

    {{ vendor_rows('hubspot', 'opportunity_contact_role', 'deal_contact') }}

)

select * from renamed
