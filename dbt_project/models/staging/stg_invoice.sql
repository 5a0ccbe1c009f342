-- One row per invoice x version.
with

conformed as (

    {{ conform('invoice', {
        'source_amount': 'amount',
    }) }}

)

select * from conformed
