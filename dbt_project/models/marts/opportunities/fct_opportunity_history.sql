-- One row per opportunity x version while it exists; a version ends when any of its columns
-- changes.
with

spans as (

    select * from {{ ref('int_opportunity_history') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

versions as (

    select * from {{ ref('int_opportunity_states') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

history as (

    select
        -- ids
        versions.source,
        versions.opportunity_id,
        versions.account_id,
        versions.owner_id,

        -- interval
        spans.valid_from,
        spans.valid_to,
        spans.valid_to = {{ end_of_time() }} as is_current,
        versions.origin,

        -- attributes
        stages.pipeline,
        stages.stage,
        versions.source_stage,
        stages.stage_order,
        stages.stage_category,
        spans.segment,
        versions.opportunity_type,
        coalesce(versions.source_forecast_category, stages.forecast_category) as forecast_category,
        versions.lead_source,
        versions.next_step,

        -- flags
        stages.stage_category = 'open' as is_open,
        stages.stage_category = 'won' as is_won,

        -- numerics
        spans.amount,
        versions.source_amount,
        versions.currency_code,
        stages.probability as stage_probability,

        -- dates
        versions.close_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as close_fiscal_quarter,
        versions.created_date
    from versions
    inner join opportunities
        on
            versions.source = opportunities.source
            and versions.opportunity_id = opportunities.opportunity_id
    inner join spans
        on
            opportunities.opportunity_key = spans.opportunity_key
            and versions.valid_from = spans.captured_from
    inner join stages on spans.stage_interval_key = stages.stage_interval_key
    left join fiscal_days on versions.close_date = fiscal_days.date_day

)

select * from history
