-- One row per change of an opportunity that stays in one foreign currency: by how much the change
-- of its rate alone changes the amount.
with

intervals as (

    select * from {{ ref('int_opportunity_intervals') }}
    where currency_code <> '{{ var("base_currency") }}'

),

changes as (

    select * from {{ ref('int_opportunity_changes') }}
    where from_state = 'open' and to_state in ('open', 'won')

),

opportunities as (

    select * from {{ ref('int_opportunities') }}
    where has_foreign_currency

),

rates as (

    select * from {{ ref('int_opportunity_fx_rates') }}

),

foreign_versions as (

    select
        intervals.opportunity_key,
        intervals.captured_from,
        max(intervals.currency_code) as currency_code,
        max(intervals.source_amount) as source_amount
    from intervals
    group by intervals.opportunity_key, intervals.captured_from

),

restated as (

    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.from_amount,
        {{ rounded_product('earlier.source_amount', 'rates.rate_to_base') }} as restated_amount
    from changes
    inner join opportunities on changes.opportunity_key = opportunities.opportunity_key
    inner join foreign_versions as earlier
        on
            changes.opportunity_key = earlier.opportunity_key
            and changes.from_captured_from = earlier.captured_from
    inner join foreign_versions as later
        on
            changes.opportunity_key = later.opportunity_key
            and changes.to_captured_from = later.captured_from
            and earlier.currency_code = later.currency_code
    left join rates
        on
            opportunities.source = rates.source
            and earlier.currency_code = rates.currency_code
            and changes.snapshot_date >= rates.valid_from
            and changes.snapshot_date < rates.valid_to

),

fx_changes as (

    select
        restated.opportunity_key,
        restated.snapshot_date,
        coalesce(restated.restated_amount, 0) - restated.from_amount as fx_amount
    from restated
    where coalesce(restated.restated_amount, 0) <> restated.from_amount

)

select * from fx_changes
