-- One row per day from the first to the last captured one of any source: whether its pipeline is
-- complete.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

calendar as (

    select * from {{ ref('int_calendar') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}
    where stage_category = 'unmapped'

),

sources as (

    select * from {{ ref('int_sources') }}

),

unpriced as (

    select * from {{ ref('int_pipeline_unpriced') }}

),

unmapped_history as (

    select history.*
    from history
    inner join stages on history.stage_interval_key = stages.stage_interval_key

),

bounds as (

    select
        min(sources.first_captured_date) as first_date,
        max(sources.last_captured_date) as last_date
    from sources

),

days as (

    select calendar.date_day
    from bounds
    inner join calendar on calendar.date_day between bounds.first_date and bounds.last_date

),

-- A source counts from its first captured day on; after its last one, its last state stands.
gaps as (

    select
        days.date_day,
        count(*) filter (where not coalesce(source_days.is_captured, false)) as missing_source_count
    from days
    inner join sources on days.date_day >= sources.first_captured_date
    left join source_days
        on sources.source = source_days.source and days.date_day = source_days.date_day
    group by days.date_day

),

unmapped_events as (

    select
        unmapped_history.valid_from as event_date,
        1 as opportunity_delta
    from unmapped_history
    union all
    select
        unmapped_history.valid_to as event_date,
        -1 as opportunity_delta
    from unmapped_history

),

unmapped_changes as (

    select
        unmapped_events.event_date,
        sum(unmapped_events.opportunity_delta) as opportunity_delta
    from unmapped_events
    group by unmapped_events.event_date

),

unmapped as (

    select
        days.date_day,
        sum(coalesce(unmapped_changes.opportunity_delta, 0)) over (
            order by days.date_day nulls last
            rows between unbounded preceding and current row
        ) as unmapped_opportunities
    from days
    left join unmapped_changes on days.date_day = unmapped_changes.event_date

),

unpriced_days as (

    select
        unpriced.snapshot_date,
        sum(unpriced.opportunities) as opportunities
    from unpriced
    group by unpriced.snapshot_date

),

pipeline_days as (

    select
        days.date_day as snapshot_date,
        cast(gaps.missing_source_count as integer) as missing_sources,
        cast(unmapped.unmapped_opportunities as integer) as unmapped_opportunities,
        cast(coalesce(unpriced_days.opportunities, 0) as integer) as unpriced_open_opportunities,
        gaps.missing_source_count = 0
        and unmapped.unmapped_opportunities = 0
        and unpriced_days.opportunities is null as is_complete
    from days
    inner join gaps on days.date_day = gaps.date_day
    inner join unmapped on days.date_day = unmapped.date_day
    left join unpriced_days on days.date_day = unpriced_days.snapshot_date

)

select * from pipeline_days
