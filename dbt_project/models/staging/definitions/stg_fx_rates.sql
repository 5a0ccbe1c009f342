-- One row per currency x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('fx_rates') }}

)

select * from definitions
