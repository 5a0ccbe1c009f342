-- One row per day that a report may need: whole years around every captured, created and close date.
with

opportunities as (

    select * from {{ ref('stg_opportunity') }}

),

receipts as (

    select * from {{ ref('stg_receipts') }}

),

numbers as (

    select * from {{ ref('int_day_numbers') }}

),

captured as (

    select
        coalesce(min(receipts.snapshot_date), cast('2000-01-01' as date)) as first_date,
        coalesce(max(receipts.snapshot_date), cast('2000-01-01' as date)) as last_date
    from receipts

),

-- A mistyped year must not make a calendar of centuries: dates count up to ten years off the captured ones.
dates as (

    select
        captured.first_date,
        captured.last_date,
        min(
            least(opportunities.close_date, {{ business_date('opportunities.created_at') }})
        ) as earliest_date,
        max(opportunities.close_date) as latest_date
    from captured
    left join opportunities on not opportunities.is_tombstone
    group by captured.first_date, captured.last_date

),

bounds as (

    select
        greatest(
            least(dates.first_date, coalesce(dates.earliest_date, dates.first_date)),
            cast({{ dbt.dateadd('year', -10, 'dates.first_date') }} as date)
        ) as first_date,
        least(
            greatest(
                cast({{ dbt.dateadd('year', 2, 'dates.last_date') }} as date),
                coalesce(dates.latest_date, dates.last_date)
            ),
            cast({{ dbt.dateadd('year', 10, 'dates.last_date') }} as date)
        ) as last_date
    from dates

),

-- Whole fiscal years: from the start month of the year before to the end of the year after.
years as (

    select
        cast({{ dbt.dateadd(
            'month',
            var('fiscal_year_start_month') - 13,
            dbt.date_trunc('year', 'bounds.first_date')
        ) }} as date) as first_date,
        cast({{ dbt.dateadd(
            'month',
            var('fiscal_year_start_month') + 23,
            dbt.date_trunc('year', 'bounds.last_date')
        ) }} as date) as end_date
    from bounds

),

days as (

    select cast({{ dbt.dateadd('day', 'numbers.day_number', 'years.first_date') }} as date) as date_day
    from years
    inner join numbers
        on numbers.day_number < {{ dbt.datediff('years.first_date', 'years.end_date', 'day') }}

)

select * from days
