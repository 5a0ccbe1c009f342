-- One row per opportunity x version while it exists; a version ends when any of its columns changes.
with

history as (

    select * from {{ ref('int_opportunity_history') }}
    where existence = 'existing'

),

facts as (

    select
        -- ids
        history.source,
        history.opportunity_id,
        history.account_id,
        history.owner_id,

        -- interval
        history.valid_from,
        history.valid_to,
        history.is_current,
        history.origin,

        -- attributes
        history.pipeline,
        history.stage,
        history.source_stage,
        history.stage_order,
        history.stage_category,
        history.segment,
        history.opportunity_type,
        history.forecast_category,
        history.lead_source,
        history.next_step,

        -- flags
        history.is_open,
        history.is_won,

        -- numerics
        history.amount,
        history.source_amount,
        history.currency_code,
        history.stage_probability,

        -- dates
        history.close_date,
        history.close_fiscal_quarter,
        history.created_date
    from history

)

select * from facts
