-- One row per source x currency x valid_from: the rate to base as the captured days see it. Covers
-- all time; before a currency's first rate the rate is NULL.
with

rates as (

    select * from {{ ref('stg_fx_rates') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),
-- A rate takes effect on the first captured day that can see it.
effective as (

    select
        sources.source,
        upper(rates.currency_code) as currency_code,
        rates.rate_to_base,
        rates.valid_from as rate_date,
        case
            when rates.valid_from <= sources.first_captured_date then {{ beginning_of_time() }}
            else source_days.seen_date
        end as valid_from
    from rates
    cross join sources
    left join source_days
        on
            sources.source = source_days.source
            and rates.valid_from = source_days.date_day
    union all
    select
        sources.source,
        upper(rates.currency_code) as currency_code,
        null as rate_to_base,
        null as rate_date,
        {{ beginning_of_time() }} as valid_from
    from rates
    cross join sources
    group by sources.source, upper(rates.currency_code)

),

ranked as (

    select
        effective.*,
        row_number() over (
            partition by effective.source, effective.currency_code, effective.valid_from
            order by effective.rate_date desc nulls last
        ) as recency
    from effective
    -- what no captured day has seen yet is not in force
    where effective.valid_from is not null

),

intervals as (

    select
        ranked.source,
        ranked.currency_code,
        ranked.rate_to_base,
        ranked.valid_from,
        cast(coalesce(
            lead(ranked.valid_from) over (
                partition by ranked.source, ranked.currency_code
                order by ranked.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from ranked
    where ranked.recency = 1

)

select * from intervals
