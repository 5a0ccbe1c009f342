-- One row per team x step_order x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('pipeline_views') }}

)

select * from definitions
