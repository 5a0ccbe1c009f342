-- One row per whole fiscal quarter x pipeline x stage x segment x day on which the open amount, due
-- in the quarter, that was won within it in the end changed.
with

winners as (

    select * from {{ ref('int_coverage_winners') }}

),

history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category = 'open'

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

stages as (

    select
        stage_intervals.stage_key,
        stage_intervals.pipeline,
        stage_intervals.stage
    from {{ ref('int_stage_intervals') }} as stage_intervals
    where stage_intervals.stage_category = 'open'
    group by stage_intervals.stage_key, stage_intervals.pipeline, stage_intervals.stage

),

-- The time that a winner spent open and due in the quarter.
winning as (

    select
        winners.quarter_number,
        history.stage_key,
        history.segment,
        history.valid_from,
        history.valid_to,
        coalesce(history.amount, 0) as amount
    from history
    inner join winners on history.opportunity_key = winners.opportunity_key
    inner join fiscal_days
        on
            history.close_date = fiscal_days.date_day
            and winners.fiscal_quarter = fiscal_days.fiscal_quarter

),

events as (

    select
        winning.quarter_number,
        winning.stage_key,
        winning.segment,
        winning.valid_from as changed_date,
        winning.amount
    from winning
    union all
    select
        winning.quarter_number,
        winning.stage_key,
        winning.segment,
        winning.valid_to as changed_date,
        -winning.amount as amount
    from winning

),

changes as (

    select
        events.quarter_number,
        stages.pipeline,
        stages.stage,
        events.segment,
        events.changed_date,
        sum(events.amount) as amount
    from events
    inner join stages on events.stage_key = stages.stage_key
    group by
        events.quarter_number,
        stages.pipeline,
        stages.stage,
        events.segment,
        events.changed_date

)

select * from changes
