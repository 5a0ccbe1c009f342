-- One row per segment rule x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('segments') }}

)

select * from definitions
