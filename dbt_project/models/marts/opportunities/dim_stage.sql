-- One row per source x pipeline x stage x valid_from: what the stage means, definitions for `*`
-- resolved.
with

definitions as (

    select * from {{ ref('int_stage_definitions') }}

),

boundaries as (

    select
        definitions.source,
        definitions.pipeline,
        definitions.stage,
        definitions.valid_from
    from definitions
    union
    select
        definitions.source,
        definitions.pipeline,
        definitions.stage,
        definitions.valid_to as valid_from
    from definitions

),

periods as (

    select
        boundaries.*,
        cast(lead(boundaries.valid_from) over (
            partition by boundaries.source, boundaries.pipeline, boundaries.stage
            order by boundaries.valid_from nulls last
        ) as date) as valid_to
    from boundaries

),

-- Several labels of the CRM may share a stage: the latest definition of any of them speaks for it.
ranked as (

    select
        definitions.*,
        periods.valid_from as period_from,
        periods.valid_to as period_to,
        row_number() over (
            partition by periods.source, periods.pipeline, periods.stage, periods.valid_from
            order by definitions.valid_from desc, definitions.source_stage asc nulls last
        ) as preference
    from periods
    inner join definitions
        on
            periods.source = definitions.source
            and periods.pipeline = definitions.pipeline
            and periods.stage = definitions.stage
            and periods.valid_from >= definitions.valid_from
            and periods.valid_from < definitions.valid_to

),

stages as (

    select
        -- ids
        ranked.source,
        ranked.pipeline,
        ranked.stage,

        -- attributes
        ranked.stage_order,
        ranked.stage_category,
        ranked.probability,
        ranked.forecast_category,
        ranked.exit_criteria,
        ranked.definition,
        ranked.owner,

        -- dates
        ranked.period_from as valid_from,
        ranked.period_to as valid_to
    from ranked
    where ranked.preference = 1

)

select * from stages
