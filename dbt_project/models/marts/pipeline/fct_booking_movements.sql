-- One row per opportunity x snapshot_date x fiscal_quarter x segment x category: how what is won
-- changed between two captured days.
with

steps as (

    select * from {{ ref('int_opportunity_changes') }}
    where from_state = 'won' or to_state = 'won'

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

moves as (

    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        'won' as category,
        steps.to_amount as amount,
        1 as opportunity_delta
    from steps
    where steps.from_state <> 'won'
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.from_quarter as fiscal_quarter,
        steps.from_segment as segment,
        case
            when steps.to_state in ('deleted', 'merged') then 'deleted' else 'reversed'
        end as category,
        -steps.from_amount as amount,
        -1 as opportunity_delta
    from steps
    where steps.to_state <> 'won'
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.from_quarter as fiscal_quarter,
        steps.from_segment as segment,
        'moved_out' as category,
        -steps.from_amount as amount,
        -1 as opportunity_delta
    from steps
    where
        steps.from_state = steps.to_state
        and (steps.from_quarter <> steps.to_quarter or steps.from_segment <> steps.to_segment)
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        'moved_in' as category,
        steps.from_amount as amount,
        1 as opportunity_delta
    from steps
    where
        steps.from_state = steps.to_state
        and (steps.from_quarter <> steps.to_quarter or steps.from_segment <> steps.to_segment)
    union all
    select
        steps.opportunity_key,
        steps.snapshot_date,
        steps.to_quarter as fiscal_quarter,
        steps.to_segment as segment,
        case
            when steps.to_amount > steps.from_amount then 'amount_up' else 'amount_down'
        end as category,
        steps.to_amount - steps.from_amount as amount,
        0 as opportunity_delta
    from steps
    where steps.from_state = steps.to_state and steps.from_amount <> steps.to_amount

),

movements as (

    select
        -- ids
        opportunities.source,
        opportunities.opportunity_id,

        -- attributes
        moves.fiscal_quarter,
        moves.segment,
        moves.category,

        -- numerics
        cast(moves.amount as decimal(18, 2)) as amount,
        cast(moves.opportunity_delta as integer) as opportunity_delta,

        -- dates
        moves.snapshot_date,
        source_days.previous_captured_date as previous_snapshot_date
    from moves
    inner join opportunities on moves.opportunity_key = opportunities.opportunity_key
    inner join source_days
        on
            opportunities.source = source_days.source
            and moves.snapshot_date = source_days.date_day

)

select * from movements
