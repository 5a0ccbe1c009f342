-- One row per source x pipeline x CRM stage label x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('stage_definitions') }}

)

select * from definitions
