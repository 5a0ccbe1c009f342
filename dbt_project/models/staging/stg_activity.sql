-- One row per activity, once captured never changed.
with

conformed as (

    {{ conform('activity') }}

)

select * from conformed
