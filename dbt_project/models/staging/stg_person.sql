-- One row per lead or contact x version, without what identifies a person.
with

conformed as (

    {{ conform('person') }}

)

select * from conformed
