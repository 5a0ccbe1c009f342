-- One row per opportunity x captured version x interval of its stage's definition and of its
-- account's segment. Narrow: what fct_opportunity_history needs besides is looked up there, and
-- compared here by its hash.
with

versions as (

    select * from {{ ref('int_opportunity_states') }}
    where existence = 'existing'

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

pieces as (

    select
        -- ids
        opportunities.opportunity_key,
        stages.stage_interval_key,
        stages.stage_key,

        -- attributes
        stages.stage_category,
        coalesce(segments.segment, '(unassigned)') as segment,
        {{ change_hash([
            'versions.account_id',
            'versions.owner_id',
            'versions.origin',
            'versions.pipeline',
            'stages.stage',
            'versions.source_stage',
            'stages.stage_order',
            'stages.stage_category',
            'stages.probability',
            "coalesce(segments.segment, '(unassigned)')",
            'versions.opportunity_type',
            'coalesce(versions.source_forecast_category, stages.forecast_category)',
            'versions.lead_source',
            'versions.next_step',
            'versions.source_amount',
            'versions.currency_code',
            'versions.close_date',
            'versions.created_date',
        ]) }} as content,

        versions.origin,
        versions.next_step,

        -- numerics
        versions.source_amount,
        versions.currency_code,

        -- dates
        versions.close_date,
        versions.created_date,
        versions.valid_from as captured_from,
        greatest(
            versions.valid_from,
            stages.valid_from,
            coalesce(segments.valid_from, versions.valid_from)
        ) as valid_from,
        least(
            versions.valid_to,
            stages.valid_to,
            coalesce(segments.valid_to, versions.valid_to)
        ) as valid_to
    from versions
    inner join opportunities
        on
            versions.source = opportunities.source
            and versions.opportunity_id = opportunities.opportunity_id
    inner join stages
        on
            versions.source = stages.source
            and versions.pipeline = stages.pipeline
            and versions.stage_label = stages.stage_label
            and versions.valid_from < stages.valid_to
            and versions.valid_to > stages.valid_from
    left join segments
        on
            versions.source = segments.source
            and versions.account_id = segments.account_id
            and greatest(versions.valid_from, stages.valid_from) < segments.valid_to
            and least(versions.valid_to, stages.valid_to) > segments.valid_from

)

select * from pieces
