-- One row per account x measurement x version.
with

conformed as (

    {{ conform('customer_health', {
        'health_source': 'source',
    }) }}

)

select * from conformed
