-- One row per opportunity x pipeline x stage x visit_number: an uninterrupted stay in an open
-- stage.
with

visits as (

    select * from {{ ref('int_stage_visits') }}

),

refined as (

    select * from {{ ref('int_refined_visits') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

dated as (

    select
        visits.*,
        coalesce(refined.entered_date, visits.valid_from) as entered_date,
        case
            when not visits.is_open then coalesce(refined.exited_date, visits.valid_to)
        end as exited_date,
        refined.entered_date is not null as is_exact
    from visits
    left join refined
        on
            visits.opportunity_key = refined.opportunity_key
            and visits.stage_key = refined.stage_key
            and visits.visit_number = refined.visit_number

)

select
    -- ids
    opportunities.source,
    opportunities.opportunity_id,

    -- attributes
    dated.pipeline,
    dated.stage,
    dated.visit_number,
    dated.segment,
    dated.stage_order,
    dated.next_stage,
    dated.exit_kind,
    case when dated.is_exact then 'exact' else dated.entry_precision end as entry_precision,

    -- flags
    dated.is_open,
    dated.is_converted,

    -- numerics
    dated.amount_at_entry,
    cast({{ dbt.datediff(
        'dated.entered_date', 'coalesce(dated.exited_date, dated.last_captured_date)', 'day'
    ) }} as integer) as days_in_stage,

    -- dates
    dated.entered_date,
    dated.exited_date
from dated
inner join opportunities on dated.opportunity_key = opportunities.opportunity_key
