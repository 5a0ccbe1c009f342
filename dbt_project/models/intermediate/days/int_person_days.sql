-- One row per source with people: the first and the last day on which any of them were captured,
-- and the instant up to which that last day knows what happened.
with

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap' and {{ is_of_people('source', 'entity') }}

),

spans as (

    select
        snapshot_days.source,
        min(snapshot_days.snapshot_date) as first_captured_date,
        max(snapshot_days.snapshot_date) as last_captured_date
    from snapshot_days
    group by snapshot_days.source

),

-- What two lists say of one day is known of the one that was read first.
days as (

    select
        spans.source,
        spans.first_captured_date,
        spans.last_captured_date,
        least(
            min(snapshot_days.captured_at),
            {{ utc_instant(dbt.dateadd('day', 1, 'spans.last_captured_date')) }}
        ) as read_at
    from spans
    inner join snapshot_days
        on
            spans.source = snapshot_days.source
            and spans.last_captured_date = snapshot_days.snapshot_date
    group by spans.source, spans.first_captured_date, spans.last_captured_date

)

select * from days
