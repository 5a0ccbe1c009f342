-- One row per day that a report may need: whole years around every captured, created and close
-- date.
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

dates as (

    select
        min(opportunities.close_date) as first_close_date,
        max(opportunities.close_date) as last_close_date,
        {{ business_date('min(opportunities.created_at)') }} as first_created_date
    from opportunities

),

-- A mistyped year must not make a calendar of centuries: dates count up to ten years off the
-- captured ones.
bounds as (

    select
        greatest(
            least(
                captured.first_date,
                coalesce(dates.first_close_date, captured.first_date),
                coalesce(dates.first_created_date, captured.first_date)
            ),
            cast({{ dbt.dateadd('year', -10, 'captured.first_date') }} as date)
        ) as first_date,
        least(
            greatest(
                cast({{ dbt.dateadd('year', 2, 'captured.last_date') }} as date),
                coalesce(dates.last_close_date, captured.last_date)
            ),
            cast({{ dbt.dateadd('year', 10, 'captured.last_date') }} as date)
        ) as last_date
    from captured
    cross join dates

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

    select
        cast(
            {{ dbt.dateadd('day', 'numbers.day_number', 'years.first_date') }} as date
        ) as date_day
    from years
    inner join numbers
        on numbers.day_number < {{ dbt.datediff('years.first_date', 'years.end_date', 'day') }}

)

select * from days
