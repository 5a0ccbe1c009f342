-- One row per month from the first in which a subscription started to the last that ended by the
-- last captured day of any billing source.
with

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'subscription'

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

numbers as (

    select * from {{ ref('int_day_numbers') }}

),

captured as (

    select
        max(snapshot_days.snapshot_date) as last_date,
        count(distinct snapshot_days.source) as source_count
    from snapshot_days

),

started as (

    select min(subscriptions.paid_from) as first_date from subscriptions

),

months as (

    select
        {{ month_number('started.first_date') }} + numbers.day_number as month_number,
        cast({{ dbt.dateadd(
            'day', -1, dbt.dateadd(
                'month', 'numbers.day_number + 1', dbt.date_trunc('month', 'started.first_date')
            )
        ) }} as date) as month_end,
        captured.last_date,
        captured.source_count
    from started
    cross join captured
    inner join numbers
        on numbers.day_number <= {{ dbt.datediff(
            'started.first_date', 'captured.last_date', 'month'
        ) }}

),

-- A month is complete if every billing source was captured on its last day. Before a source's first
-- captured day its prices are those of that day.
counted as (

    select
        months.month_number,
        months.month_end,
        months.source_count,
        count(*) filter (where snapshot_days.status <> 'gap') as captured_source_count
    from months
    left join snapshot_days on months.month_end = snapshot_days.snapshot_date
    where months.month_end <= months.last_date
    group by months.month_number, months.month_end, months.source_count

),

flagged as (

    select
        cast(counted.month_number as integer) as month_number,
        counted.month_end,
        counted.captured_source_count = counted.source_count as is_captured
    from counted

)

select * from flagged
