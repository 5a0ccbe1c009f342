-- One row per opportunity x pipeline x stage x visit_number: an uninterrupted stay in an open
-- stage.
with

visits as (

    select * from {{ ref('int_visits') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

described as (

    select
        -- ids
        opportunities.source,
        opportunities.opportunity_id,

        -- attributes
        visits.pipeline,
        visits.stage,
        visits.visit_number,
        visits.segment,
        visits.stage_order,
        visits.next_stage,
        visits.exit_kind,
        visits.entry_precision,

        -- flags
        visits.is_open,
        visits.is_converted,

        -- numerics
        visits.amount_at_entry,
        cast({{ dbt.datediff(
            'visits.entered_date', 'coalesce(visits.exited_date, visits.last_captured_date)', 'day'
        ) }} as integer) as days_in_stage,

        -- dates
        visits.entered_date,
        visits.exited_date
    from visits
    inner join opportunities on visits.opportunity_key = opportunities.opportunity_key

)

select * from described
