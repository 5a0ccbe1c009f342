-- Sources and entities whose days, from the first captured to the last, are not all listed once, or
-- end in a gap.
with

snapshots as (

    select * from {{ ref('dim_snapshot') }}

),

spans as (

    select
        snapshots.source,
        snapshots.entity,
        min(snapshots.snapshot_date) as first_date,
        max(snapshots.snapshot_date) as last_date,
        count(*) as day_count,
        min(case when snapshots.status <> 'gap' then snapshots.snapshot_date end) as first_captured,
        max(case when snapshots.status <> 'gap' then snapshots.snapshot_date end) as last_captured
    from snapshots
    group by snapshots.source, snapshots.entity

)

select * from spans
where
    last_date <> cast({{ dbt.dateadd('day', 'day_count - 1', 'first_date') }} as date)
    or coalesce(first_captured <> first_date, true)
    or coalesce(last_captured <> last_date, true)
