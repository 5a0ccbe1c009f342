-- One row per opportunity x version, in every source, tombstones included.
with

conformed as (

    {{ conform('opportunity', {
        'source_stage': 'stage',
        'source_amount': 'amount',
        'source_probability': 'probability',
        'source_forecast_category': 'forecast_category',
        'source_segment': 'segment',
    }, stand_ins={'account_id': 'account_name', 'owner_id': 'owner_name'}) }}

)

select * from conformed
