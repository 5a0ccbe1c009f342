-- One row per day.
with

calendar as (

    select * from {{ ref('int_calendar') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}

),

days as (

    select fiscal_days.*
    from fiscal_days
    inner join calendar on fiscal_days.date_day = calendar.date_day

),

quarters as (

    select
        days.fiscal_quarter,
        min(least(days.date_day, coalesce(days.calendar_start_date, days.date_day))) as start_date,
        max(greatest(days.date_day, coalesce(days.calendar_end_date, days.date_day))) as end_date,
        row_number() over (order by min(days.date_day) nulls last) as quarter_number
    from days
    group by days.fiscal_quarter

),

last_day as (

    select max(snapshot_days.snapshot_date) as date_day
    from snapshot_days

),

-- NULL where no day was captured.
current_quarter as (

    select max(quarters.quarter_number) as quarter_number
    from last_day
    inner join days on last_day.date_day = days.date_day
    inner join quarters on days.fiscal_quarter = quarters.fiscal_quarter

),

weeks as (

    select
        days.date_day,
        days.fiscal_quarter,
        cast({{ dbt.date_trunc('week', 'days.date_day') }} as date) as week_start_date,
        cast({{ dbt.date_trunc('month', 'days.date_day') }} as date) as month_start_date
    from days

),

-- What dbt.datediff renders is longer than what is written here, hence the muted LT05.
dates as (

    select
        weeks.date_day,

        -- fiscal
        cast(substring(weeks.fiscal_quarter, 3, 4) as integer) as fiscal_year,
        weeks.fiscal_quarter,
        quarters.start_date as fiscal_quarter_start_date,
        quarters.end_date as fiscal_quarter_end_date,
        cast(
            {{ dbt.datediff('quarters.start_date', 'weeks.date_day', 'day') }} -- noqa: LT05
            + 1 as integer
        ) as day_of_fiscal_quarter,
        cast(
            {{ dbt.datediff('weeks.date_day', 'quarters.end_date', 'day') }} -- noqa: LT05
            as integer
        ) as days_to_fiscal_quarter_end,
        coalesce(quarters.quarter_number = current_quarter.quarter_number, false)
            as is_current_fiscal_quarter,
        coalesce(quarters.quarter_number = current_quarter.quarter_number - 1, false)
            as is_previous_fiscal_quarter,
        coalesce(quarters.quarter_number = current_quarter.quarter_number + 1, false)
            as is_next_fiscal_quarter,

        -- calendar
        weeks.week_start_date,
        weeks.month_start_date,
        {{ dbt.datediff('weeks.week_start_date', 'weeks.date_day', 'day') }} -- noqa: LT05
        < 5 as is_business_day
    from weeks
    inner join quarters on weeks.fiscal_quarter = quarters.fiscal_quarter
    cross join current_quarter

)

select * from dates
