-- One row per ticket of HubSpot x version, tombstones included.
with

tickets as (

    {{ vendor_rows('hubspot', 'ticket', 'ticket') }}

)

select * from tickets
