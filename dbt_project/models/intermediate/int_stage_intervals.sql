-- One row per source x pipeline x stage label in use x valid_from: what the label means on captured days.
-- Covers all time; a label without a definition is `unmapped`.
with

source_stages as (

    select * from {{ ref('int_source_stages') }}

),

definitions as (

    select * from {{ ref('int_stage_definitions') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

spans as (

    select
        source_days.source,
        min(source_days.date_day) as first_captured_date
    from source_days
    group by source_days.source

),

-- A definition takes effect on the first captured day that can see it.
effective as (

    select
        definitions.*,
        case
            when definitions.valid_from <= spans.first_captured_date then {{ beginning_of_time() }}
            else source_days.seen_date
        end as effective_date
    from definitions
    inner join spans on definitions.source = spans.source
    inner join source_days
        on
            definitions.source = source_days.source
            and source_days.date_day = greatest(definitions.valid_from, spans.first_captured_date)

),

starts as (

    select
        source_stages.source,
        source_stages.pipeline,
        source_stages.source_stage,
        effective.stage,
        effective.stage_order,
        effective.stage_category,
        effective.probability,
        effective.forecast_category,
        effective.effective_date as valid_from,
        effective.valid_from as definition_date
    from source_stages
    inner join effective
        on
            source_stages.source = effective.source
            and source_stages.pipeline = effective.pipeline
            and source_stages.source_stage = effective.source_stage
    union all
    select
        source_stages.source,
        source_stages.pipeline,
        source_stages.source_stage,
        'unmapped' as stage,
        null as stage_order,
        'unmapped' as stage_category,
        null as probability,
        null as forecast_category,
        {{ beginning_of_time() }} as valid_from,
        null as definition_date
    from source_stages

),

ranked as (

    select
        starts.*,
        row_number() over (
            partition by
                starts.source, starts.pipeline, starts.source_stage, starts.valid_from
            order by starts.definition_date desc nulls last
        ) as preference
    from starts

),

intervals as (

    select
        ranked.source,
        ranked.pipeline,
        ranked.source_stage,
        ranked.stage,
        ranked.stage_order,
        ranked.stage_category,
        ranked.probability,
        ranked.forecast_category,
        ranked.valid_from,
        cast(coalesce(
            lead(ranked.valid_from) over (
                partition by ranked.source, ranked.pipeline, ranked.source_stage
                order by ranked.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from ranked
    where ranked.preference = 1

)

select * from intervals
