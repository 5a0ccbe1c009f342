-- One row per fiscal quarter of the calendar, or of a close date beyond it, numbered in order.
with

dates as (

    select * from {{ ref('dim_date') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

captured as (

    select
        min(sources.first_captured_date) as first_date,
        max(sources.last_captured_date) as last_date
    from sources

),

quarters as (

    select
        fiscal_days.fiscal_quarter,
        coalesce(
            min(dates.fiscal_quarter_start_date), min(fiscal_days.date_day)
        ) as start_date,
        coalesce(max(dates.fiscal_quarter_end_date), max(fiscal_days.date_day)) as end_date
    from fiscal_days
    left join dates on fiscal_days.date_day = dates.date_day
    group by fiscal_days.fiscal_quarter

),

numbered as (

    select
        quarters.fiscal_quarter,
        cast(row_number() over (
            order by quarters.start_date nulls last, quarters.fiscal_quarter nulls last
        ) as integer) as quarter_number,
        quarters.start_date,
        quarters.end_date,
        cast({{ dbt.datediff(
            'quarters.start_date', 'quarters.end_date', 'day'
        ) }} + 1 as integer) as day_count,

        coalesce(
            quarters.end_date between captured.first_date and captured.last_date, false
        ) as is_end_captured,

        -- whether the pipeline was known from its first day to its last
        coalesce(
            quarters.start_date >= captured.first_date and quarters.end_date <= captured.last_date,
            false
        ) as is_whole
    from quarters
    cross join captured

)

select * from numbered
