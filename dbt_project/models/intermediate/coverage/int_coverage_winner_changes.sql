-- One row per whole fiscal quarter x pipeline x stage x segment x day on which the open amount, due
-- in the quarter, that was won within it in the end changed.
with

open_history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category = 'open'

),

won_history as (

    select * from {{ ref('int_opportunity_history') }}
    where stage_category = 'won'

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}
    where is_whole

),

stage_intervals as (

    select * from {{ ref('int_stage_intervals') }}
    where stage_category = 'open'

),

stages as (

    select
        stage_intervals.stage_key,
        stage_intervals.pipeline,
        stage_intervals.stage
    from stage_intervals
    group by stage_intervals.stage_key, stage_intervals.pipeline, stage_intervals.stage

),

-- Won within a quarter: won on its last day, with a close date in it.
winners as (

    select
        won_history.opportunity_key,
        quarters.quarter_number,
        quarters.fiscal_quarter
    from won_history
    inner join fiscal_days on won_history.close_date = fiscal_days.date_day
    inner join quarters on fiscal_days.fiscal_quarter = quarters.fiscal_quarter
    where
        won_history.valid_from <= quarters.end_date and won_history.valid_to > quarters.end_date

),

-- The time that a winner spent open and due in the quarter.
winning as (

    select
        winners.quarter_number,
        open_history.stage_key,
        open_history.segment,
        open_history.valid_from,
        open_history.valid_to,
        coalesce(open_history.amount, 0) as amount
    from open_history
    inner join winners on open_history.opportunity_key = winners.opportunity_key
    inner join fiscal_days
        on
            open_history.close_date = fiscal_days.date_day
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
