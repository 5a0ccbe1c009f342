-- One row per source x currency_code x valid_from: the rate to base as the captured days see it.
with

rates as (

    select * from {{ ref('int_opportunity_fx_rates') }}

),

fx_rates as (

    select
        rates.source,
        rates.currency_code,
        rates.valid_from,
        rates.valid_to,
        rates.rate_to_base
    from rates

)

select * from fx_rates
