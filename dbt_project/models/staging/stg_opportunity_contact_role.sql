-- One row per opportunity x person x version.
with

conformed as (

    {{ conform('opportunity_contact_role') }}

)

select * from conformed
