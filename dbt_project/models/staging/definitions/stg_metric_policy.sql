-- One row per policy choice x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('metric_policy') }}

)

select * from definitions
