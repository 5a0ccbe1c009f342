-- One row per source x pipeline x stage label in use x valid_from: what the label means on captured
-- days. Covers all time; a label without a definition is `unmapped`.
with

labels as (

    select * from {{ ref('int_stage_labels') }}

),

definitions as (

    select * from {{ ref('int_stage_definitions') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

-- A definition takes effect on the first captured day that can see it.
starts as (

    select
        labels.source,
        labels.pipeline,
        labels.stage_label,
        definitions.stage,
        definitions.stage_order,
        definitions.stage_category,
        definitions.probability,
        definitions.forecast_category,
        definitions.valid_from as definition_date,
        case
            when definitions.valid_from <= sources.first_captured_date
                then {{ beginning_of_time() }}
            else source_days.seen_date
        end as valid_from
    from labels
    inner join definitions
        on
            labels.source = definitions.source
            and labels.pipeline = definitions.pipeline
            and labels.stage_label = definitions.source_stage
    inner join sources on labels.source = sources.source
    left join source_days
        on
            labels.source = source_days.source
            and definitions.valid_from = source_days.date_day
    union all
    select
        labels.source,
        labels.pipeline,
        labels.stage_label,
        'unmapped' as stage,
        null as stage_order,
        'unmapped' as stage_category,
        null as probability,
        null as forecast_category,
        null as definition_date,
        {{ beginning_of_time() }} as valid_from
    from labels

),

ranked as (

    select
        starts.*,
        row_number() over (
            partition by
                starts.source, starts.pipeline, starts.stage_label, starts.valid_from
            order by starts.definition_date desc nulls last
        ) as preference
    from starts
    -- what no captured day has seen yet is not in force
    where starts.valid_from is not null

),

intervals as (

    select
        cast(row_number() over (
            order by
                ranked.source nulls last,
                ranked.pipeline nulls last,
                ranked.stage_label nulls last,
                ranked.valid_from nulls last
        ) as integer) as stage_interval_key,
        cast(dense_rank() over (
            order by
                ranked.pipeline nulls last,
                ranked.stage nulls last,
                ranked.stage_category nulls last
        ) as integer) as stage_key,
        ranked.source,
        ranked.pipeline,
        ranked.stage_label,
        ranked.stage,
        ranked.stage_order,
        ranked.stage_category,
        ranked.probability,
        ranked.forecast_category,
        ranked.valid_from,
        cast(coalesce(
            lead(ranked.valid_from) over (
                partition by ranked.source, ranked.pipeline, ranked.stage_label
                order by ranked.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from ranked
    where ranked.preference = 1

)

select * from intervals
