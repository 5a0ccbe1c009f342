-- One row per opportunity x version, in every source, tombstones included.
with

conformed as (

    {{ conform('opportunity', {
        'source_stage': 'stage',
        'source_amount': 'amount',
        'source_probability': 'probability',
        'source_expected_amount': 'expected_revenue',
        'source_forecast_category': 'forecast_category',
    }) }}

)

select * from conformed
