-- One row per snapshot_date x fiscal quarter that coverage looks at x segment: what was won by then
-- with a close date in the quarter.
with

history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category = 'won' and close_date is not null

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

quarters as (

    select
        coverage_days.fiscal_quarter,
        min(coverage_days.snapshot_date) as first_date
    from coverage_days
    group by coverage_days.fiscal_quarter

),

-- What is won adds to its quarter and segment until it changes or goes.
events as (

    select
        fiscal_days.fiscal_quarter,
        history.segment,
        history.valid_from as changed_date,
        count(*) as opportunities,
        sum(coalesce(history.amount, 0)) as amount
    from history
    inner join fiscal_days on history.close_date = fiscal_days.date_day
    group by fiscal_days.fiscal_quarter, history.segment, history.valid_from
    union all
    select
        fiscal_days.fiscal_quarter,
        history.segment,
        history.valid_to as changed_date,
        -count(*) as opportunities,
        -sum(coalesce(history.amount, 0)) as amount
    from history
    inner join fiscal_days on history.close_date = fiscal_days.date_day
    group by fiscal_days.fiscal_quarter, history.segment, history.valid_to

),

-- What changed before coverage looks at the quarter counts on the first day on which it does.
changes as (

    select
        events.fiscal_quarter,
        events.segment,
        greatest(events.changed_date, quarters.first_date) as changed_date,
        sum(events.opportunities) as opportunities,
        sum(events.amount) as amount
    from events
    inner join quarters on events.fiscal_quarter = quarters.fiscal_quarter
    group by
        events.fiscal_quarter,
        events.segment,
        greatest(events.changed_date, quarters.first_date)

),

segments as (

    select
        changes.fiscal_quarter,
        changes.segment
    from changes
    group by changes.fiscal_quarter, changes.segment

),

levels as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        segments.segment,
        sum(coalesce(changes.opportunities, 0)) over so_far as won_opportunities,
        sum(coalesce(changes.amount, 0)) over so_far as won_amount
    from coverage_days
    inner join segments on coverage_days.fiscal_quarter = segments.fiscal_quarter
    left join changes
        on
            segments.fiscal_quarter = changes.fiscal_quarter
            and segments.segment = changes.segment
            and coverage_days.snapshot_date = changes.changed_date
    window so_far as (
        partition by segments.fiscal_quarter, segments.segment
        order by coverage_days.snapshot_date nulls last
        rows between unbounded preceding and current row
    )

),

won as (

    select
        levels.snapshot_date,
        levels.fiscal_quarter,
        levels.segment,
        cast(levels.won_opportunities as integer) as won_opportunities,
        cast(levels.won_amount as decimal(18, 2)) as won_amount
    from levels
    where levels.won_opportunities > 0

)

select * from won
