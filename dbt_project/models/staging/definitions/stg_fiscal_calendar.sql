-- One row per fiscal quarter x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('fiscal_calendar') }}

)

select * from definitions
