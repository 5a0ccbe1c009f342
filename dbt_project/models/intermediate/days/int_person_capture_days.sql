-- One row per source with people x day from the first to the last captured day: up to when the day
-- knows what happened (NULL in a gap), the captured day before it and up to when that did, and the
-- next captured day.
with

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where {{ is_of_people('source', 'entity') }}

),

-- Of two lists, a day knows what both say.
read as (

    select
        snapshot_days.source,
        snapshot_days.snapshot_date,
        case
            when max(case when snapshot_days.status = 'gap' then 1 else 0 end) = 0
                then
                    least(
                        min(snapshot_days.captured_at),
                        {{ utc_instant(dbt.dateadd('day', 1, 'snapshot_days.snapshot_date')) }}
                    )
        end as read_at
    from snapshot_days
    group by snapshot_days.source, snapshot_days.snapshot_date

),

days as (

    select
        read.source,
        read.snapshot_date,
        read.read_at,
        max(read.read_at) over earlier as previous_read_at,
        max(case when read.read_at is not null then read.snapshot_date end) over earlier
            as previous_captured_date,
        min(case when read.read_at is not null then read.snapshot_date end) over (
            partition by read.source
            order by read.snapshot_date nulls last
            rows between 1 following and unbounded following
        ) as next_captured_date
    from read
    window earlier as (
        partition by read.source
        order by read.snapshot_date nulls last
        rows between unbounded preceding and 1 preceding
    )

)

select * from days
