-- One row per change that the CRM itself recorded, once captured never changed.
with

conformed as (

    {{ conform('opportunity_change') }}

)

select * from conformed
