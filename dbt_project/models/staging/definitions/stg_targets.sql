-- One row per fiscal quarter x segment x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('targets') }}

)

select * from definitions
