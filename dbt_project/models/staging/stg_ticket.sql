-- One row per ticket of a customer x version, tombstones included.
with

conformed as (

    {{ conform('ticket') }}

)

select * from conformed
