-- One row per snapshot_date x fiscal quarter for which the teams' rules are applied: the last
-- captured day, each quarter's first and last, days of reported_numbers.csv, and every Monday.
-- Only the report has the Mondays that are nothing else (is_itemised says which).
{{ config(materialized='view') }}
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

reported as (

    select * from {{ ref('stg_reported_numbers') }}

),

bounds as (

    select
        min(coverage_days.snapshot_date) as first_date,
        max(coverage_days.snapshot_date) as last_date
    from coverage_days

),

chosen as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        1 as itemised
    from coverage_days
    inner join bounds on coverage_days.snapshot_date = bounds.last_date
    union all
    select
        greatest(quarters.start_date, bounds.first_date) as snapshot_date,
        quarters.fiscal_quarter,
        1 as itemised
    from quarters
    inner join bounds
        on quarters.start_date <= bounds.last_date and quarters.end_date >= bounds.first_date
    union all
    select
        least(quarters.end_date, bounds.last_date) as snapshot_date,
        quarters.fiscal_quarter,
        1 as itemised
    from quarters
    inner join bounds
        on quarters.start_date <= bounds.last_date and quarters.end_date >= bounds.first_date
    union all
    select
        reported.as_of as snapshot_date,
        reported.fiscal_quarter,
        1 as itemised
    from reported
    inner join bounds
        on
            reported.as_of between bounds.first_date and bounds.last_date
            and reported.valid_from <= bounds.last_date
    union all
    select
        dates.date_day as snapshot_date,
        dates.fiscal_quarter,
        0 as itemised
    from dates
    inner join bounds on dates.date_day between bounds.first_date and bounds.last_date
    where dates.date_day = dates.week_start_date

),

days as (

    select
        chosen.snapshot_date,
        chosen.fiscal_quarter,
        max(chosen.itemised) = 1 as is_itemised,
        min(dates.week_start_date) as monday_date,
        min(bounds.last_date) = chosen.snapshot_date as is_latest
    from chosen
    inner join dates on chosen.snapshot_date = dates.date_day
    cross join bounds
    group by chosen.snapshot_date, chosen.fiscal_quarter

)

select * from days
