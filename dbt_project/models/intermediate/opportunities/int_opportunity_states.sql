-- One row per opportunity x captured version, in the company's terms: defaults filled, existence
-- told.
{{ config(materialized='view') }}
with

opportunities as (

    select * from {{ ref('stg_opportunity') }}

),

versions as (

    select
        -- ids
        opportunities.source,
        opportunities.opportunity_id,
        opportunities.opportunity_name,
        opportunities.account_id,
        opportunities.owner_id,

        -- attributes
        case
            when opportunities.merged_into_opportunity_id is not null then 'merged'
            when opportunities.is_tombstone or opportunities.is_deleted then 'deleted'
            else 'existing'
        end as existence,
        opportunities.origin,
        coalesce(opportunities.pipeline, 'default') as pipeline,
        opportunities.source_stage,
        coalesce(opportunities.source_stage, '') as stage_label,
        coalesce(opportunities.opportunity_type, '(none)') as opportunity_type,
        opportunities.source_segment,
        opportunities.source_forecast_category,
        opportunities.lead_source,
        opportunities.loss_reason,
        opportunities.next_step,

        -- numerics
        opportunities.source_amount,
        case
            when opportunities.source_probability between 0 and 1
                then opportunities.source_probability
        end as source_probability,
        opportunities.source_expected_amount,
        coalesce(upper(opportunities.currency_code), '{{ var("base_currency") }}') as currency_code,

        -- dates
        opportunities.close_date,
        {{ business_date('opportunities.created_at') }} as created_date,
        opportunities.valid_from,
        opportunities.valid_to
    from opportunities

)

select * from versions
