-- One row per whole fiscal quarter x day of it, or before it x pipeline x stage x segment with open
-- opportunities due in the quarter: their amount, and how much of it was won within the quarter.
with

daily as (

    select * from {{ ref('fct_pipeline_daily') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}
    where is_whole

),

changes as (

    select * from {{ ref('int_coverage_winner_changes') }}

),

-- On the day on which the last one leaves a cell there is a change and nothing open.
events as (

    select
        quarters.quarter_number,
        daily.snapshot_date,
        daily.pipeline,
        daily.stage,
        daily.segment,
        daily.open_opportunities,
        daily.open_amount,
        0 as won_change
    from daily
    inner join quarters
        on
            daily.close_fiscal_quarter = quarters.fiscal_quarter
            and daily.snapshot_date <= quarters.end_date
    union all
    select
        changes.quarter_number,
        changes.changed_date as snapshot_date,
        changes.pipeline,
        changes.stage,
        changes.segment,
        0 as open_opportunities,
        0 as open_amount,
        changes.amount as won_change
    from changes

),

days as (

    select
        events.quarter_number,
        events.snapshot_date,
        events.pipeline,
        events.stage,
        events.segment,
        sum(events.open_opportunities) as open_opportunities,
        sum(events.open_amount) as open_amount,
        sum(events.won_change) as won_change
    from events
    group by
        events.quarter_number,
        events.snapshot_date,
        events.pipeline,
        events.stage,
        events.segment

),

levels as (

    select
        days.*,
        sum(days.won_change) over (
            partition by days.quarter_number, days.pipeline, days.stage, days.segment
            order by days.snapshot_date nulls last
            rows between unbounded preceding and current row
        ) as won_amount
    from days

),

yields as (

    select
        levels.quarter_number,
        cast({{ dbt.datediff(
            'quarters.start_date', 'levels.snapshot_date', 'day'
        ) }} + 1 as integer) as quarter_day,
        levels.pipeline,
        levels.stage,
        levels.segment,
        cast(levels.open_opportunities as integer) as open_opportunities,
        cast(levels.open_amount as decimal(18, 2)) as open_amount,
        cast(levels.won_amount as decimal(18, 2)) as won_amount
    from levels
    inner join quarters on levels.quarter_number = quarters.quarter_number
    where levels.open_opportunities > 0

)

select * from yields
