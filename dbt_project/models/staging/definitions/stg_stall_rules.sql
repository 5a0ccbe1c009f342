-- One row per stall rule x segment x stage x valid_from, as the company defined it.
with

definitions as (

    {{ definition_rows('stall_rules') }}

)

select * from definitions
