-- One row per opportunity x snapshot_date x fiscal_quarter x segment x category: how what is won
-- changed between two captured days.
with

changes as (

    select * from {{ ref('int_opportunity_changes') }}
    where from_state = 'won' or to_state = 'won'

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

movements as (

    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.is_by_definition,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        'won' as category,
        changes.to_amount as amount,
        1 as opportunity_delta
    from changes
    where changes.from_state <> 'won'
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.is_by_definition,
        changes.from_quarter as fiscal_quarter,
        changes.from_segment as segment,
        case
            when changes.to_state in ('deleted', 'merged') then 'deleted' else 'reversed'
        end as category,
        -changes.from_amount as amount,
        -1 as opportunity_delta
    from changes
    where changes.to_state <> 'won'
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.is_by_definition,
        changes.from_quarter as fiscal_quarter,
        changes.from_segment as segment,
        'moved_out' as category,
        -changes.from_amount as amount,
        -1 as opportunity_delta
    from changes
    where
        changes.from_state = changes.to_state
        and (
            changes.from_quarter <> changes.to_quarter
            or changes.from_segment <> changes.to_segment
        )
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.is_by_definition,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        'moved_in' as category,
        changes.from_amount as amount,
        1 as opportunity_delta
    from changes
    where
        changes.from_state = changes.to_state
        and (
            changes.from_quarter <> changes.to_quarter
            or changes.from_segment <> changes.to_segment
        )
    union all
    select
        changes.opportunity_key,
        changes.snapshot_date,
        changes.is_by_definition,
        changes.to_quarter as fiscal_quarter,
        changes.to_segment as segment,
        case
            when changes.to_amount > changes.from_amount then 'amount_up' else 'amount_down'
        end as category,
        changes.to_amount - changes.from_amount as amount,
        0 as opportunity_delta
    from changes
    where changes.from_state = changes.to_state and changes.from_amount <> changes.to_amount

),

described as (

    select
        -- ids
        opportunities.source,
        opportunities.opportunity_id,

        -- attributes
        movements.fiscal_quarter,
        movements.segment,
        movements.category,
        movements.is_by_definition,

        -- numerics
        cast(movements.amount as decimal(18, 2)) as amount,
        cast(movements.opportunity_delta as integer) as opportunity_delta,

        -- dates
        movements.snapshot_date,
        source_days.previous_captured_date as previous_snapshot_date
    from movements
    inner join opportunities on movements.opportunity_key = opportunities.opportunity_key
    inner join source_days
        on
            opportunities.source = source_days.source
            and movements.snapshot_date = source_days.date_day

)

select * from described
