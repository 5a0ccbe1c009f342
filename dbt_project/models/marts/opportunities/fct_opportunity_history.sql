-- One row per opportunity x version while it exists; a version ends when any of its columns
-- changes.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

states as (

    select * from {{ ref('int_opportunity_states') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

versions as (

    select
        -- ids
        states.source,
        states.opportunity_id,
        states.account_id,
        states.owner_id,

        -- interval
        history.valid_from,
        history.valid_to,
        history.valid_to = {{ end_of_time() }} as is_current,
        states.origin,

        -- attributes
        stages.pipeline,
        stages.stage,
        states.source_stage,
        stages.stage_order,
        stages.stage_category,
        history.segment,
        states.opportunity_type,
        coalesce(states.source_forecast_category, stages.forecast_category) as forecast_category,
        states.lead_source,
        states.next_step,

        -- flags
        stages.stage_category = 'open' as is_open,
        stages.stage_category = 'won' as is_won,

        -- numerics
        history.amount,
        states.source_amount,
        states.source_probability,
        states.source_expected_amount,
        states.currency_code,
        stages.probability as stage_probability,

        -- dates
        states.close_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as close_fiscal_quarter,
        history.created_date
    from states
    inner join opportunities
        on
            states.source = opportunities.source
            and states.opportunity_id = opportunities.opportunity_id
    inner join history
        on
            opportunities.opportunity_key = history.opportunity_key
            and states.valid_from = history.captured_from
    inner join stages on history.stage_interval_key = stages.stage_interval_key
    left join fiscal_days on states.close_date = fiscal_days.date_day

)

select * from versions
