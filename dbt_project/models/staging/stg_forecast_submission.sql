-- One row per call of a forecast x version, tombstones included.
with

conformed as (

    {{ conform('forecast_submission', {
        'source_amount': 'amount',
    }) }}

)

select * from conformed
