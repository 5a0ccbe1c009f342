-- One row per opportunity x snapshot_date x fiscal_quarter x segment x category: how the open
-- pipeline changed between two captured days.
with

movements as (

    select * from {{ ref('int_pipeline_movements') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

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
        movements.from_value,
        movements.to_value,
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
