-- Days from the first to the last captured that the daily pipeline lacks, days with both open
-- opportunities and a row that says there are none, and rows of nothing that do not say so.
with

daily as (

    select
        pipeline_daily.snapshot_date,
        count(*) as row_count,
        count(*) filter (where pipeline_daily.open_opportunities <= 0) as empty_count,
        count(*) filter (
            where pipeline_daily.pipeline = '(none)' and pipeline_daily.stage = '(none)'
        ) as none_count
    from {{ ref('fct_pipeline_daily') }} as pipeline_daily
    group by pipeline_daily.snapshot_date

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    pipeline_days.snapshot_date,
    daily.row_count,
    daily.empty_count,
    daily.none_count
from {{ ref('int_pipeline_days') }} as pipeline_days
left join daily on pipeline_days.snapshot_date = daily.snapshot_date
where
    daily.snapshot_date is null
    or daily.empty_count <> daily.none_count
    or (daily.empty_count > 0 and daily.row_count > 1)
