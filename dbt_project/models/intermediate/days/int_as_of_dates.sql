-- One row per day as of which the past is told: the last captured day of a month or of a fiscal
-- quarter. Its cohort_month is NULL where it is the last of a quarter alone.
with

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

last_days as (

    select
        cast({{ dbt.date_trunc('month', 'snapshot_days.snapshot_date') }} as date) as cohort_month,
        max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days
    group by cast({{ dbt.date_trunc('month', 'snapshot_days.snapshot_date') }} as date)
    union all
    select
        cast(null as date) as cohort_month,
        max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days
    inner join fiscal_days on snapshot_days.snapshot_date = fiscal_days.date_day
    group by fiscal_days.fiscal_quarter

),

as_of_dates as (

    select
        last_days.as_of_date,
        max(last_days.cohort_month) as cohort_month
    from last_days
    group by last_days.as_of_date

)

select * from as_of_dates
