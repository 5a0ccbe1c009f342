-- One row per source x pipeline x stage label x valid_from: the definition in force, `*` resolved.
with

receipts as (

    select * from {{ ref('stg_receipts') }}

),

labels as (

    select * from {{ ref('int_stage_labels') }}

),

definitions as (

    select * from {{ ref('stg_stage_definitions') }}

),

sources as (

    select receipts.source
    from receipts
    group by receipts.source

),

-- Every pipeline that a CRM uses, and every one that a definition names.
pipelines as (

    select
        labels.source,
        labels.pipeline
    from labels
    union
    select
        sources.source,
        coalesce(definitions.pipeline, 'default') as pipeline
    from definitions
    inner join sources on coalesce(definitions.source, '*') in ('*', sources.source)
    where coalesce(definitions.pipeline, 'default') <> '*'

),

candidates as (

    select
        pipelines.source,
        pipelines.pipeline,
        definitions.stage as source_stage,
        coalesce(definitions.canonical_stage, definitions.stage) as stage,
        definitions.stage_order,
        definitions.stage_category,
        definitions.probability,
        definitions.forecast_category,
        definitions.exit_criteria,
        definitions.owner,
        definitions.definition,
        definitions.valid_from as definition_date,
        case when coalesce(definitions.source, '*') = '*' then 0 else 2 end
        + case when coalesce(definitions.pipeline, 'default') = '*' then 0 else 1 end as specificity
    from pipelines
    inner join definitions
        on
            coalesce(definitions.source, '*') in ('*', pipelines.source)
            and coalesce(definitions.pipeline, 'default') in ('*', pipelines.pipeline)

),

boundaries as (

    select
        candidates.source,
        candidates.pipeline,
        candidates.source_stage,
        candidates.definition_date as valid_from
    from candidates
    group by
        candidates.source, candidates.pipeline, candidates.source_stage, candidates.definition_date

),

-- The most specific definition beats the others from its first day on; among equals the latest
-- counts.
ranked as (

    select
        candidates.*,
        boundaries.valid_from,
        row_number() over (
            partition by
                boundaries.source,
                boundaries.pipeline,
                boundaries.source_stage,
                boundaries.valid_from
            order by candidates.specificity desc, candidates.definition_date desc
        ) as preference
    from boundaries
    inner join candidates
        on
            boundaries.source = candidates.source
            and boundaries.pipeline = candidates.pipeline
            and boundaries.source_stage = candidates.source_stage
            and boundaries.valid_from >= candidates.definition_date

),

in_force as (

    select
        -- ids
        ranked.source,
        ranked.pipeline,
        ranked.source_stage,

        -- attributes
        ranked.stage,
        ranked.stage_order,
        ranked.stage_category,
        ranked.probability,
        ranked.forecast_category,
        ranked.exit_criteria,
        ranked.owner,
        ranked.definition,

        -- dates
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

select * from in_force
