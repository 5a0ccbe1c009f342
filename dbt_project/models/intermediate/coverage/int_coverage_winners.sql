-- One row per opportunity x whole fiscal quarter within which it was won: won on the quarter's last
-- day, with a close date in the quarter.
with

history as (

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

winners as (

    select
        history.opportunity_key,
        quarters.quarter_number,
        quarters.fiscal_quarter
    from history
    inner join fiscal_days on history.close_date = fiscal_days.date_day
    inner join quarters on fiscal_days.fiscal_quarter = quarters.fiscal_quarter
    where history.valid_from <= quarters.end_date and history.valid_to > quarters.end_date

)

select * from winners
