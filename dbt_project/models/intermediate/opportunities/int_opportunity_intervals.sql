-- One row per opportunity x captured version x interval of its stage's definition and of its
-- account's segment. Narrow: what fct_opportunity_history needs besides is looked up there, and
-- compared here by its hash.
{%- set segment -%}
    coalesce(nullif(segments.segment, '(unassigned)'), states.source_segment, '(unassigned)')
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

intervals as (

    select
        -- ids
        opportunities.opportunity_key,
        stages.stage_interval_key,
        stages.stage_key,

        -- attributes
        stages.stage_category,
        {{ segment }} as segment,
        {{ change_hash([
            'states.account_id',
            'states.owner_id',
            'states.origin',
            'states.pipeline',
            'stages.stage',
            'states.source_stage',
            'stages.stage_order',
            'stages.stage_category',
            'stages.probability',
            segment,
            'states.opportunity_type',
            'coalesce(states.source_forecast_category, stages.forecast_category)',
            'states.lead_source',
            'states.next_step',
            'states.source_amount',
            'states.source_probability',
            'states.source_expected_amount',
            'states.currency_code',
            'states.close_date',
            'states.created_date',
        ]) }} as content,

        states.origin,
        states.next_step,

        -- numerics
        states.source_amount,
        states.currency_code,

        -- dates
        states.close_date,
        states.created_date,
        states.valid_from as captured_from,
        greatest(
            states.valid_from,
            stages.valid_from,
            coalesce(segments.valid_from, states.valid_from)
        ) as valid_from,
        least(
            states.valid_to,
            stages.valid_to,
            coalesce(segments.valid_to, states.valid_to)
        ) as valid_to
    from states
    inner join opportunities
        on
            states.source = opportunities.source
            and states.opportunity_id = opportunities.opportunity_id
    inner join stages
        on
            states.source = stages.source
            and states.pipeline = stages.pipeline
            and states.stage_label = stages.stage_label
            and states.valid_from < stages.valid_to
            and states.valid_to > stages.valid_from
    left join segments
        on
            states.source = segments.source
            and states.account_id = segments.account_id
            and greatest(states.valid_from, stages.valid_from) < segments.valid_to
            and least(states.valid_to, stages.valid_to) > segments.valid_from

)

select * from intervals
