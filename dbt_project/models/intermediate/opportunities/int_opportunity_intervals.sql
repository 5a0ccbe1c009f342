-- One row per opportunity x captured version x interval of its stage's definition and of its
-- account's segment. Narrow: what fct_opportunity_history needs besides is looked up there, and
-- compared here by its hash.
{%- set segment -%}
    coalesce(nullif(segments.segment, '(unassigned)'), numbered.source_segment, '(unassigned)')
{%- endset %}
with

states as (

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

-- What is only compared becomes one number here, so that little is carried through the other joins.
numbered as (

    select
        opportunities.opportunity_key,
        states.source,
        states.account_id,
        states.pipeline,
        states.stage_label,
        states.source_segment,
        states.source_forecast_category,
        {{ change_hash([
            'states.account_id',
            'states.owner_id',
            'states.origin',
            'states.pipeline',
            'states.source_stage',
            'states.opportunity_type',
            'states.lead_source',
            'states.next_step',
            'states.source_amount',
            'states.source_probability',
            'states.source_expected_amount',
            'states.currency_code',
            'states.close_date',
            'states.created_date',
        ]) }} as state_content,
        states.origin,
        states.next_step,
        states.source_amount,
        states.currency_code,
        states.close_date,
        states.created_date,
        states.valid_from,
        states.valid_to
    from states
    inner join opportunities
        on
            states.source = opportunities.source
            and states.opportunity_id = opportunities.opportunity_id

),

intervals as (

    select
        -- ids
        numbered.opportunity_key,
        stages.stage_interval_key,
        stages.stage_key,

        -- attributes
        stages.stage_category,
        {{ segment }} as segment,
        {{ change_hash([
            'numbered.state_content',
            'stages.stage',
            'stages.stage_order',
            'stages.stage_category',
            'stages.probability',
            segment,
            'coalesce(numbered.source_forecast_category, stages.forecast_category)',
        ]) }} as content,

        numbered.origin,
        numbered.next_step,

        -- numerics
        numbered.source_amount,
        numbered.currency_code,

        -- dates
        numbered.close_date,
        numbered.created_date,
        numbered.valid_from as captured_from,
        greatest(
            numbered.valid_from,
            stages.valid_from,
            coalesce(segments.valid_from, numbered.valid_from)
        ) as valid_from,
        least(
            numbered.valid_to,
            stages.valid_to,
            coalesce(segments.valid_to, numbered.valid_to)
        ) as valid_to
    from numbered
    inner join stages
        on
            numbered.source = stages.source
            and numbered.pipeline = stages.pipeline
            and numbered.stage_label = stages.stage_label
            and numbered.valid_from < stages.valid_to
            and numbered.valid_to > stages.valid_from
    left join segments
        on
            numbered.source = segments.source
            and numbered.account_id = segments.account_id
            and greatest(numbered.valid_from, stages.valid_from) < segments.valid_to
            and least(numbered.valid_to, stages.valid_to) > segments.valid_from

)

select * from intervals
