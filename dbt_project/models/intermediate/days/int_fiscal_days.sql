-- One row per day of the calendar and per close date beyond it: its fiscal quarter.
with

governed_quarters as (

    select * from {{ ref('stg_fiscal_calendar') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

opportunities as (

    select * from {{ ref('stg_opportunity') }}

),

-- The governed row of a quarter, as the company names it today.
fiscal_calendar as (

    select
        governed_quarters.*,
        row_number() over (
            partition by governed_quarters.fiscal_quarter
            order by governed_quarters.valid_from desc
        ) as recency
    from governed_quarters

),

days as (

    select calendar.date_day from calendar
    union
    select opportunities.close_date as date_day from opportunities
    where opportunities.close_date is not null

),

-- Shifted so that a fiscal year is a calendar year: its last month falls in December of the year
-- that names it.
shifted as (

    select
        days.date_day,
        cast({{ dbt.dateadd(
            'month',
            (13 - var('fiscal_year_start_month')) % 12,
            dbt.date_trunc('month', 'days.date_day')
        ) }} as date) as shifted_month
    from days

),

quarters as (

    select
        shifted.date_day,
        coalesce(
            fiscal_calendar.fiscal_quarter,
            'FY'
            || cast(extract(year from shifted.shifted_month) as {{ dbt.type_string() }})
            || '-Q'
            || cast(extract(quarter from shifted.shifted_month) as {{ dbt.type_string() }})
        ) as fiscal_quarter,
        fiscal_calendar.start_date as calendar_start_date,
        fiscal_calendar.end_date as calendar_end_date
    from shifted
    left join fiscal_calendar
        on
            fiscal_calendar.recency = 1
            and shifted.date_day between fiscal_calendar.start_date and fiscal_calendar.end_date

)

select * from quarters
