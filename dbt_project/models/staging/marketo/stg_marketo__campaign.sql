-- One row per program of Marketo x version, tombstones included.
with

renamed as (

    {{ vendor_rows('marketo', 'campaign', 'program') }}

)

select * from renamed
