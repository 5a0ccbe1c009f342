-- One row per step of an opportunity that stays in one foreign currency: by how much the change of
-- its rate alone changes the amount.
with

steps as (

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
        pieces.opportunity_key,
        pieces.captured_from,
        max(pieces.currency_code) as currency_code,
        max(pieces.source_amount) as source_amount
    from {{ ref('int_opportunity_intervals') }} as pieces
    where pieces.currency_code <> '{{ var("base_currency") }}'
    group by pieces.opportunity_key, pieces.captured_from

),

restated as (

    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.from_amount,
        {{ rounded_product('earlier.source_amount', 'rates.rate_to_base') }} as restated_amount
    from steps
    inner join opportunities on steps.opportunity_key = opportunities.opportunity_key
    inner join foreign_versions as earlier
        on
            steps.opportunity_key = earlier.opportunity_key
            and steps.from_captured_from = earlier.captured_from
    inner join foreign_versions as later
        on
            steps.opportunity_key = later.opportunity_key
            and steps.to_captured_from = later.captured_from
            and earlier.currency_code = later.currency_code
    left join rates
        on
            opportunities.source = rates.source
            and earlier.currency_code = rates.currency_code
            and steps.snapshot_date >= rates.valid_from
            and steps.snapshot_date < rates.valid_to

)

select
    restated.opportunity_key,
    restated.snapshot_date,
    coalesce(restated.restated_amount, 0) - restated.from_amount as fx_amount
from restated
where coalesce(restated.restated_amount, 0) <> restated.from_amount
