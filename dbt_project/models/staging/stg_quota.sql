-- One row per quota of a person or team x period x version, tombstones included.
with

conformed as (

    {{ conform('quota') }}

)

select * from conformed
