-- One row per source x day from the first to the last day on which its opportunities were captured.
with

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'opportunity'

),

days as (

    select
        -- ids
        snapshot_days.source,
        snapshot_days.snapshot_date as date_day,

        -- flags
        snapshot_days.status <> 'gap' as is_captured,

        -- dates
        snapshot_days.first_captured_date,
        snapshot_days.last_captured_date,

        -- the captured day whose state stands on this day
        max(case when snapshot_days.status <> 'gap' then snapshot_days.snapshot_date end) over (
            partition by snapshot_days.source
            order by snapshot_days.snapshot_date nulls last
            rows between unbounded preceding and current row
        ) as captured_date,

        -- the first captured day that sees what happens on this day
        min(case when snapshot_days.status <> 'gap' then snapshot_days.snapshot_date end) over (
            partition by snapshot_days.source
            order by snapshot_days.snapshot_date nulls last
            rows between current row and unbounded following
        ) as seen_date,

        -- the captured day before that
        max(case when snapshot_days.status <> 'gap' then snapshot_days.snapshot_date end) over (
            partition by snapshot_days.source
            order by snapshot_days.snapshot_date nulls last
            rows between unbounded preceding and 1 preceding
        ) as previous_captured_date
    from snapshot_days

)

select * from days
