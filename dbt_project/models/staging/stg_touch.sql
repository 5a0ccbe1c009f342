-- One row per marketing touch, once captured never changed.
with

conformed as (

    {{ conform('touch') }}

)

select * from conformed
