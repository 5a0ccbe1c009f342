-- One row per day on which stall rules judge the open opportunities of some source: the first day
-- of each month, and each source's last captured day.
with

source_days as (

    select * from {{ ref('int_source_days') }}

),

judged_days as (

    select source_days.date_day as judged_date
    from source_days
    where
        source_days.date_day = source_days.last_captured_date
        or source_days.date_day
        = cast({{ dbt.date_trunc('month', 'source_days.date_day') }} as date)
    group by source_days.date_day

)

select * from judged_days
