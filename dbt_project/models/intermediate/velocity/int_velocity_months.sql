-- One row per month with a captured day x segment, `(all)` included: the four factors of pipeline
-- velocity on the month's last captured day.
with

pipeline_days as (

    select * from {{ ref('int_source_days') }}
    where is_captured

),

history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category in ('won', 'lost')

),

daily as (

    select * from {{ ref('fct_pipeline_daily') }}
    where open_opportunities > 0

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

months as (

    select
        cast({{ dbt.date_trunc('month', 'pipeline_days.date_day') }} as date) as month_start_date,
        max(pipeline_days.date_day) as snapshot_date
    from pipeline_days
    group by cast({{ dbt.date_trunc('month', 'pipeline_days.date_day') }} as date)

),

-- The day's policy says how many days up to it count.
windows as (

    select
        months.month_start_date,
        months.snapshot_date,
        cast({{ dbt.dateadd(
            'day', '-policy.velocity_window_days', 'months.snapshot_date'
        ) }} as date) as closed_after
    from months
    inner join policy
        on months.snapshot_date >= policy.valid_from and months.snapshot_date < policy.valid_to

),

-- Closed on the day, with a close date in the window.
closed as (

    select
        windows.month_start_date,
        windows.snapshot_date,
        history.segment,
        history.stage_category,
        coalesce(history.amount, 0) as amount,
        case
            when history.stage_category = 'won' and history.created_date <= history.close_date
                then {{ dbt.datediff('history.created_date', 'history.close_date', 'day') }}
        end as cycle_days
    from history
    inner join windows
        on
            history.close_date <= windows.snapshot_date
            and history.close_date > windows.closed_after
            and history.valid_from <= windows.snapshot_date
            and history.valid_to > windows.snapshot_date

),

parts as (

    select
        months.month_start_date,
        months.snapshot_date,
        daily.segment,
        daily.open_opportunities,
        0 as won,
        0 as lost,
        0 as won_amount,
        null as cycle_days
    from daily
    inner join months on daily.snapshot_date = months.snapshot_date
    union all
    select
        closed.month_start_date,
        closed.snapshot_date,
        closed.segment,
        0 as open_opportunities,
        case when closed.stage_category = 'won' then 1 else 0 end as won,
        case when closed.stage_category = 'lost' then 1 else 0 end as lost,
        case when closed.stage_category = 'won' then closed.amount else 0 end as won_amount,
        closed.cycle_days
    from closed

),

scoped as (

    select
        parts.month_start_date,
        parts.snapshot_date,
        parts.segment,
        parts.open_opportunities,
        parts.won,
        parts.lost,
        parts.won_amount,
        parts.cycle_days
    from parts
    union all
    select
        parts.month_start_date,
        parts.snapshot_date,
        '(all)' as segment,
        parts.open_opportunities,
        parts.won,
        parts.lost,
        parts.won_amount,
        parts.cycle_days
    from parts

),

factors as (

    select
        scoped.month_start_date,
        scoped.snapshot_date,
        scoped.segment,
        cast(sum(scoped.open_opportunities) as integer) as open_opportunities,
        cast(sum(scoped.won) as integer) as won_opportunities,
        cast(sum(scoped.lost) as integer) as lost_opportunities,
        cast(sum(scoped.won_amount) as decimal(18, 2)) as won_amount,
        cast(count(scoped.cycle_days) as integer) as cycle_opportunities,
        cast(median(scoped.cycle_days) as double) as sales_cycle_days
    from scoped
    group by scoped.month_start_date, scoped.snapshot_date, scoped.segment

)

select * from factors
