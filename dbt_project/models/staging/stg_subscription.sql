-- One row per subscription x version.
with

conformed as (

    {{ conform('subscription', {
        'source_amount': 'amount',
        'billing_interval': 'interval',
    }) }}

)

select * from conformed
