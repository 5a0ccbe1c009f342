-- One row per person x step of the lifecycle x cycle, by numbers: when the person took it, which
-- record says so, and since when that is known.
with

entries as (

    select * from {{ ref('int_lifecycle_entries') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

records as (

    select * from {{ ref('int_people') }}
    where first_captured_date is not null

),

touches as (

    select * from {{ ref('int_first_touches') }}
    where is_first_of_person

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

last_day as (

    select max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days

),

people as (

    select
        records.person_number,
        records.record_number,
        records.source,
        records.created_date,
        last_day.as_of_date
    from records
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

steps as (

    select * from taken_steps

)

select * from steps
