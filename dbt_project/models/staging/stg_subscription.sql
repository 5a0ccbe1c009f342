-- One row per subscription x version.
with

conformed as (

    {{ conform('subscription', {
        'source_amount': 'amount',
        'source_list_amount': 'list_amount',
        'billing_interval': 'interval',
    }) }}

)

select * from conformed
