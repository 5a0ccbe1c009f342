-- One row per source x entity x day from the first to the last captured.
with

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}

),

snapshots as (

    select
        -- ids
        snapshot_days.source,
        snapshot_days.entity,
        snapshot_days.snapshot_date,

        -- attributes
        snapshot_days.status,

        -- numerics
        snapshot_days.source_row_count,
        snapshot_days.upsert_count,
        snapshot_days.delete_count,
        snapshot_days.rejected_count,

        -- flags
        snapshot_days.is_overridden,

        -- timestamps
        snapshot_days.captured_at
    from snapshot_days

)

select * from snapshots
