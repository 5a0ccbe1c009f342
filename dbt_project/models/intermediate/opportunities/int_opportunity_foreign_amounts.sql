-- One row per interval in a foreign currency x rate that it meets: its amount in base currency.
with

intervals as (

    select * from {{ ref('int_opportunity_intervals') }}
    where currency_code <> '{{ var("base_currency") }}'

),

opportunities as (

    select * from {{ ref('int_opportunities') }}
    where has_foreign_currency

),

closed_stays as (

    select * from {{ ref('int_opportunity_closed_stays') }}

),

rates as (

    select * from {{ ref('int_opportunity_fx_rates') }}

),

-- A closed amount keeps the rate of the first day of its closed stay; any other follows the rates.
rated as (

    select
        intervals.*,
        opportunities.source,
        closed_stays.closed_from,
        coalesce(closed_stays.closed_from, intervals.valid_from) as rate_from,
        coalesce(
            cast({{ dbt.dateadd('day', 1, 'closed_stays.closed_from') }} as date),
            intervals.valid_to
        ) as rate_to
    from intervals
    inner join opportunities on intervals.opportunity_key = opportunities.opportunity_key
    left join closed_stays
        on
            intervals.opportunity_key = closed_stays.opportunity_key
            and intervals.valid_from = closed_stays.valid_from

),

amounts as (

    select
        rated.opportunity_key,
        rated.valid_from as interval_from,
        {{ rounded_product('rated.source_amount', 'rates.rate_to_base') }} as amount,
        case
            when rated.closed_from is not null then rated.valid_from
            else greatest(rated.valid_from, coalesce(rates.valid_from, rated.valid_from))
        end as valid_from,
        case
            when rated.closed_from is not null then rated.valid_to
            else least(rated.valid_to, coalesce(rates.valid_to, rated.valid_to))
        end as valid_to
    from rated
    left join rates
        on
            rated.source = rates.source
            and rated.currency_code = rates.currency_code
            and rated.rate_from < rates.valid_to
            and rated.rate_to > rates.valid_from

)

select * from amounts
