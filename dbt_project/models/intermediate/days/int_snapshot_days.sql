-- One row per source x entity x day from the first to the last captured day.
with

receipts as (

    select * from {{ ref('stg_receipts') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

-- A day that was observed and reconstructed is observed.
ranked as (

    select
        receipts.*,
        row_number() over (
            partition by receipts.source, receipts.entity, receipts.snapshot_date
            order by case when receipts.origin = 'observed' then 0 else 1 end nulls last
        ) as preference
    from receipts

),

captured as (

    select * from ranked
    where preference = 1

),

spans as (

    select
        captured.source,
        captured.entity,
        min(captured.snapshot_date) as first_captured_date,
        max(captured.snapshot_date) as last_captured_date
    from captured
    group by captured.source, captured.entity

),

days as (

    select
        -- ids
        spans.source,
        spans.entity,
        calendar.date_day as snapshot_date,

        -- attributes
        coalesce(captured.origin, 'gap') as status,

        -- numerics
        captured.source_row_count,
        captured.upsert_count,
        captured.delete_count,
        captured.rejected_count,

        -- flags
        captured.is_overridden,

        -- dates
        spans.first_captured_date,
        spans.last_captured_date,

        -- timestamps
        captured.captured_at
    from spans
    inner join calendar
        on calendar.date_day between spans.first_captured_date and spans.last_captured_date
    left join captured
        on
            spans.source = captured.source
            and spans.entity = captured.entity
            and calendar.date_day = captured.snapshot_date

)

select * from days
