-- One row per source with people: the first and the last day on which any of them were captured,
-- and the instant up to which that last day knows what happened.
with

capture_days as (

    select * from {{ ref('int_person_capture_days') }}

),

days as (

    select
        capture_days.source,
        min(capture_days.snapshot_date) as first_captured_date,
        max(capture_days.snapshot_date) as last_captured_date,
        max(capture_days.read_at) as read_at
    from capture_days
    group by capture_days.source

)

select * from days
