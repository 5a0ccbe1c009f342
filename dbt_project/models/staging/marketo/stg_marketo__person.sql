-- One row per lead of Marketo x version, tombstones included.
with

renamed as (

    {{ vendor_rows('marketo', 'person', 'lead') }}

)

select * from renamed
