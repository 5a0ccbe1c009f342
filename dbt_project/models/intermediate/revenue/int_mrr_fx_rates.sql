-- One row per currency x month from whose end on a rate to base is in force, until the month of the
-- next one. Covers all time; before a currency's first rate the rate is NULL.
with

governed_rates as (

    select * from {{ ref('stg_fx_rates') }}

),

rates as (

    select
        upper(trim(governed_rates.currency_code)) as currency_code,
        governed_rates.rate_to_base,
        governed_rates.valid_from,
        {{ month_number('governed_rates.valid_from') }} as from_month
    from governed_rates
    where upper(trim(governed_rates.currency_code)) <> '{{ var("base_currency") }}'

),

ranked as (

    select
        rates.currency_code,
        rates.rate_to_base,
        rates.from_month,
        row_number() over (
            partition by rates.currency_code, rates.from_month
            order by rates.valid_from desc
        ) as recency
    from rates

),

starts as (

    select
        ranked.currency_code,
        ranked.rate_to_base,
        ranked.from_month
    from ranked
    where ranked.recency = 1
    union all
    select
        ranked.currency_code,
        null as rate_to_base,
        0 as from_month
    from ranked
    group by ranked.currency_code
    union all
    select
        '{{ var("base_currency") }}' as currency_code,
        1 as rate_to_base,
        0 as from_month

),

intervals as (

    select
        starts.currency_code,
        cast(starts.rate_to_base as decimal(18, 10)) as rate_to_base,
        cast(
            lead(starts.rate_to_base) over (
                partition by starts.currency_code
                order by starts.from_month nulls last
            ) as decimal(18, 10)
        ) as next_rate_to_base,
        starts.from_month,
        coalesce(
            lead(starts.from_month) over (
                partition by starts.currency_code
                order by starts.from_month nulls last
            ),
            {{ month_number(end_of_time()) }}
        ) as to_month
    from starts

)

select * from intervals
