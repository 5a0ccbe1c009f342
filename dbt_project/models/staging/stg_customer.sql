-- One row per customer of billing x version, tombstones included.
with

conformed as (

    {{ conform('customer') }}

)

select * from conformed
