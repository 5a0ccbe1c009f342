-- One row per snapshot_date x fiscal quarter that coverage looks at x pipeline x stage x segment:
-- what the latest whole quarters say of such a day.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}
    where is_whole

),

yields as (

    select * from {{ ref('int_coverage_yields') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

-- A past quarter that is shorter than the day's number contributes its last day.
past_days as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        quarters.quarter_number,
        least(coverage_days.quarter_day, quarters.day_count) as quarter_day
    from coverage_days
    inner join policy
        on
            coverage_days.snapshot_date >= policy.valid_from
            and coverage_days.snapshot_date < policy.valid_to
    inner join quarters
        on
            quarters.quarter_number
            between coverage_days.current_quarter_number - policy.coverage_pool_quarters
            and coverage_days.current_quarter_number - 1

),

pooled as (

    select
        past_days.snapshot_date,
        past_days.fiscal_quarter,
        yields.pipeline,
        yields.stage,
        yields.segment,
        cast(sum(yields.open_opportunities) as integer) as yield_opportunities,
        sum(yields.open_amount) as yield_open_amount,
        sum(yields.won_amount) as yield_won_amount
    from past_days
    inner join yields
        on
            past_days.quarter_number = yields.quarter_number
            and past_days.quarter_day = yields.quarter_day
    group by
        past_days.snapshot_date,
        past_days.fiscal_quarter,
        yields.pipeline,
        yields.stage,
        yields.segment

)

select * from pooled
