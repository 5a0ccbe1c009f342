-- One row per stage visit, with the dates that the CRM's own history gives it where it has any.
{{ config(materialized='view') }}
with

visits as (

    select * from {{ ref('int_visits_as_captured') }}

),

visit_dates as (

    select * from {{ ref('int_visit_dates') }}

),

dated as (

    select
        -- ids
        visits.opportunity_key,
        visits.stage_key,

        -- attributes
        visits.pipeline,
        visits.stage,
        visits.visit_number,
        visits.segment,
        visits.stage_order,
        visits.next_stage,
        visits.exit_kind,
        case when visit_dates.entered_date is not null then 'exact' else visits.entry_precision end
            as entry_precision,

        -- flags
        visits.is_open,
        visits.is_converted,

        -- numerics
        visits.amount_at_entry,

        -- dates
        visits.valid_from,
        coalesce(visit_dates.entered_date, visits.valid_from) as entered_date,
        case
            when not visits.is_open then coalesce(visit_dates.exited_date, visits.valid_to)
        end as exited_date,
        visits.won_from,
        visits.last_captured_date
    from visits
    left join visit_dates
        on
            visits.opportunity_key = visit_dates.opportunity_key
            and visits.stage_key = visit_dates.stage_key
            and visits.visit_number = visit_dates.visit_number

)

select * from dated
