-- One row per user of the CRM x version, in every source, tombstones included.
with

conformed as (

    {{ conform('user') }}

)

select * from conformed
