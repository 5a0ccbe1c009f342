-- One row per opportunity x snapshot_date x fiscal_quarter x segment x category: how the open
-- pipeline changed between two captured days.
with

moves as (

    select * from {{ ref('int_pipeline_movements') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

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
        moves.from_value,
        moves.to_value,

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
