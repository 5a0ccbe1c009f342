-- One row per fiscal quarter x day of it on which slippage looks at what is due: its first captured
-- day and the first of each month.
{{ config(materialized='view') }}
with

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

dates as (

    select * from {{ ref('dim_date') }}
    where date_day = month_start_date

),

source_days as (

    select * from {{ ref('int_source_days') }}
    where is_captured

),

captured as (

    select
        min(source_days.date_day) as first_date,
        max(source_days.date_day) as last_date
    from source_days

),

days as (

    select
        quarters.fiscal_quarter,
        min(source_days.date_day) as anchor_date
    from quarters
    inner join source_days
        on source_days.date_day between quarters.start_date and quarters.end_date
    group by quarters.fiscal_quarter
    union
    select
        quarters.fiscal_quarter,
        dates.date_day as anchor_date
    from quarters
    inner join dates on dates.date_day between quarters.start_date and quarters.end_date
    inner join captured on dates.date_day between captured.first_date and captured.last_date

),

anchors as (

    select
        days.fiscal_quarter,
        days.anchor_date,
        least(quarters.end_date, captured.last_date) as as_of_date,
        quarters.end_date,
        quarters.end_date <= captured.last_date as is_final,
        quarters.end_date < captured.last_date as has_later
    from days
    inner join quarters on days.fiscal_quarter = quarters.fiscal_quarter
    cross join captured

)

select * from anchors
