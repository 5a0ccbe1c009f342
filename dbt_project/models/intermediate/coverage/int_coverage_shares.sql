-- One row per snapshot_date x fiscal quarter that coverage looks at x pipeline x stage x segment
-- with open opportunities due in it: their amount, and how much past quarters won of such an
-- amount.
{{ config(materialized='view') }}
with

pooled as (

    select * from {{ ref('int_coverage_pooled_yields') }}

),

daily as (

    select * from {{ ref('fct_pipeline_daily') }}

),

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

segment_yields as (

    select pooled.*
    from pooled
    inner join policy
        on pooled.snapshot_date >= policy.valid_from and pooled.snapshot_date < policy.valid_to
    where pooled.yield_opportunities >= policy.small_pool_opportunities

),

stage_yields as (

    select
        pooled.snapshot_date,
        pooled.fiscal_quarter,
        pooled.pipeline,
        pooled.stage,
        sum(pooled.yield_open_amount) as yield_open_amount,
        sum(pooled.yield_won_amount) as yield_won_amount
    from pooled
    group by pooled.snapshot_date, pooled.fiscal_quarter, pooled.pipeline, pooled.stage

),

cells as (

    select
        daily.snapshot_date,
        coverage_days.fiscal_quarter,
        daily.pipeline,
        daily.stage,
        daily.segment,
        sum(daily.open_amount) as open_amount
    from daily
    inner join coverage_days
        on
            daily.snapshot_date = coverage_days.snapshot_date
            and daily.close_fiscal_quarter = coverage_days.fiscal_quarter
    group by
        daily.snapshot_date,
        coverage_days.fiscal_quarter,
        daily.pipeline,
        daily.stage,
        daily.segment

),

-- The segment's own share where it rests on enough opportunities, else that of all segments.
shares as (

    select
        cells.snapshot_date,
        cells.fiscal_quarter,
        cells.pipeline,
        cells.stage,
        cells.segment,
        cells.open_amount,
        case
            when segment_yields.segment is not null then segment_yields.yield_open_amount
            else stage_yields.yield_open_amount
        end as yield_open_amount,
        case
            when segment_yields.segment is not null then segment_yields.yield_won_amount
            else stage_yields.yield_won_amount
        end as yield_won_amount
    from cells
    left join segment_yields
        on
            cells.snapshot_date = segment_yields.snapshot_date
            and cells.fiscal_quarter = segment_yields.fiscal_quarter
            and cells.pipeline = segment_yields.pipeline
            and cells.stage = segment_yields.stage
            and cells.segment = segment_yields.segment
    left join stage_yields
        on
            cells.snapshot_date = stage_yields.snapshot_date
            and cells.fiscal_quarter = stage_yields.fiscal_quarter
            and cells.pipeline = stage_yields.pipeline
            and cells.stage = stage_yields.stage

)

select * from shares
