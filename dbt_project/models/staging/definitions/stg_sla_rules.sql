-- One row per hand-off x segment x clock x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('sla_rules') }}

)

select * from definitions
