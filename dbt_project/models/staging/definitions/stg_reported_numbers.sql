-- One row per team x as_of x fiscal_quarter x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('reported_numbers') }}

)

select * from definitions
