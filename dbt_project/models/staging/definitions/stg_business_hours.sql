-- One row per weekday or date x valid_from: business hours, as the company defined them.
with

definitions as (

    {{ definition_rows('business_hours') }}

)

select * from definitions
