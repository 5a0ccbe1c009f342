-- One row per source x entity x captured day x origin.
with

receipts as (

    select * from {{ source('ledger', 'receipts') }}

),

configured as (

    select
        -- ids
        receipts.source,
        {{ canonical_entity('receipts.source', 'receipts.entity') }} as entity,

        -- the day
        receipts.snapshot_date,
        receipts.origin,

        -- numerics
        receipts.source_row_count,
        receipts.upsert_count,
        receipts.delete_count,
        receipts.rejected_count,

        -- flags
        receipts.is_overridden,

        -- timestamps
        cast(receipts.captured_at as timestamp) as captured_at
    from receipts
    where receipts.source in {{ configured_sources() }}

)

select * from configured
