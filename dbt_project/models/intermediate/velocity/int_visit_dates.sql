-- One row per stage visit whose entry or exit the CRM's own history dates within the days between
-- which it was seen.
with

visits as (

    select * from {{ ref('int_visits_as_captured') }}

),

changes as (

    select * from {{ ref('int_visit_stage_changes') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

-- Of what was never seen before, the history may tell of any day.
entries as (

    select
        visits.opportunity_key,
        visits.stage_key,
        visits.visit_number,
        max(changes.changed_date) as entered_date
    from changes
    inner join visits
        on
            changes.opportunity_key = visits.opportunity_key
            and changes.changed_date <= visits.valid_from
            and (
                visits.previous_valid_to is null
                or changes.changed_date > visits.previous_captured_date
            )
    inner join stages
        on
            visits.source = stages.source
            and visits.pipeline = stages.pipeline
            and visits.stage = stages.stage
            and changes.new_value = stages.stage_label
            and visits.valid_from >= stages.valid_from
            and visits.valid_from < stages.valid_to
    group by visits.opportunity_key, visits.stage_key, visits.visit_number

),

exits as (

    select
        visits.opportunity_key,
        visits.stage_key,
        visits.visit_number,
        min(changes.changed_date) as exited_date
    from changes
    inner join visits
        on
            changes.opportunity_key = visits.opportunity_key
            and changes.changed_date <= visits.valid_to
    inner join source_days
        on visits.source = source_days.source and visits.valid_to = source_days.date_day
    inner join stages
        on
            visits.source = stages.source
            and visits.pipeline = stages.pipeline
            and visits.stage = stages.stage
            and changes.old_value = stages.stage_label
            and source_days.previous_captured_date >= stages.valid_from
            and source_days.previous_captured_date < stages.valid_to
    where changes.changed_date > source_days.previous_captured_date
    group by visits.opportunity_key, visits.stage_key, visits.visit_number

),

visit_dates as (

    select
        coalesce(entries.opportunity_key, exits.opportunity_key) as opportunity_key,
        coalesce(entries.stage_key, exits.stage_key) as stage_key,
        coalesce(entries.visit_number, exits.visit_number) as visit_number,
        entries.entered_date,
        exits.exited_date
    from entries
    full join exits
        on
            entries.opportunity_key = exits.opportunity_key
            and entries.stage_key = exits.stage_key
            and entries.visit_number = exits.visit_number

)

select * from visit_dates
