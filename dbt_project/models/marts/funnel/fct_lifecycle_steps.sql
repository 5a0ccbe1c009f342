-- One row per person x step of the lifecycle x cycle: when the person took it, which record says
-- so, and since when that is known.
with

entries as (

    select * from {{ ref('int_lifecycle_entries') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

captured_versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

records as (

    select * from {{ ref('int_people') }}

),

touches as (

    select * from {{ ref('int_first_touches') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

captured as (

    select * from {{ ref('dim_person') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

last_day as (

    select max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days

),

-- Records are numbered in the order of their sources and ids.
versions as (

    select
        captured_versions.*,
        records.record_number
    from captured_versions
    inner join records
        on
            captured_versions.source = records.source
            and captured_versions.person_id = records.person_id

),

people as (

    select
        records.person_number,
        records.record_number,
        captured.person_key,
        captured.source,
        captured.person_id,
        captured.created_date,
        last_day.as_of_date
    from captured
    inner join records
        on captured.source = records.source and captured.person_id = records.person_id
    cross join last_day

),

first_touches as (

    select
        touches.person_number,
        kinds.campaign_id,
        kinds.channel,
        touches.touch_date
    from touches
    inner join kinds on touches.kind_number = kinds.kind_number

),

{{ steps_of_people(of=['person_number']) }},

lifecycle as (

    select
        people.person_key,
        taken_steps.step,
        taken_steps.cycle,
        people.source,
        people.person_id,
        taken_steps.opportunity_id,
        taken_steps.account_id,
        taken_steps.owner_id,
        taken_steps.campaign_id,
        taken_steps.segment,
        taken_steps.lead_source,
        taken_steps.channel,
        taken_steps.step_precision,
        taken_steps.is_out_of_order,
        taken_steps.lead_score_at_step,
        taken_steps.step_at,
        taken_steps.step_date,
        taken_steps.known_from
    from taken_steps
    inner join people on taken_steps.record_number = people.record_number

)

select * from lifecycle
