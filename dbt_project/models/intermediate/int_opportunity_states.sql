-- One row per opportunity x valid_from while it exists: each captured version, split where its stage's definition
-- or its account's segment changes. Amounts are the source's; int_opportunity_pieces converts them.
with

versions as (

    select * from {{ ref('int_opportunity_versions') }}
    where existence = 'existing'

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

states as (

    select
        -- ids
        versions.source,
        versions.opportunity_id,
        versions.account_id,
        versions.owner_id,

        -- attributes
        versions.existence,
        versions.origin,
        versions.pipeline,
        coalesce(stages.stage, 'unmapped') as stage,
        versions.source_stage,
        stages.stage_order,
        coalesce(stages.stage_category, 'unmapped') as stage_category,
        coalesce(segments.segment, '(unassigned)') as segment,
        versions.opportunity_type,
        coalesce(versions.source_forecast_category, stages.forecast_category) as forecast_category,
        versions.lead_source,
        versions.next_step,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as close_fiscal_quarter,

        -- numerics
        versions.source_amount,
        versions.currency_code,
        stages.probability as stage_probability,

        -- dates
        versions.close_date,
        versions.created_date,
        greatest(
            versions.valid_from,
            coalesce(stages.valid_from, versions.valid_from),
            coalesce(segments.valid_from, versions.valid_from)
        ) as valid_from,
        least(
            versions.valid_to,
            coalesce(stages.valid_to, versions.valid_to),
            coalesce(segments.valid_to, versions.valid_to)
        ) as valid_to
    from versions
    left join stages
        on
            versions.source = stages.source
            and versions.pipeline = stages.pipeline
            and versions.source_stage = stages.source_stage
            and versions.valid_from < stages.valid_to
            and versions.valid_to > stages.valid_from
    left join segments
        on
            versions.source = segments.source
            and versions.account_id = segments.account_id
            and greatest(versions.valid_from, coalesce(stages.valid_from, versions.valid_from))
            < segments.valid_to
            and least(versions.valid_to, coalesce(stages.valid_to, versions.valid_to))
            > segments.valid_from
    left join fiscal_days on versions.close_date = fiscal_days.date_day

)

select * from states
