-- One row per campaign x version.
with

conformed as (

    {{ conform('campaign') }}

)

select * from conformed
