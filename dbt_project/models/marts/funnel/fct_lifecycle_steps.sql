-- One row per person x step of the lifecycle x cycle: when the person took it, which record says
-- so, and since when that is known.
with

entries as (

    select * from {{ ref('int_lifecycle_entries') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

versions as (

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

    select * from {{ ref('int_person_touches') }}

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

people as (

    select
        captured.person_key,
        captured.source,
        captured.person_id,
        captured.created_date,
        last_day.as_of_date
    from captured
    cross join last_day

),

first_touch_numbers as (

    select
        touches.person_number,
        min(touches.touch_number) as touch_number
    from touches
    group by touches.person_number

),

person_numbers as (

    select
        records.person_number,
        min(records.person_key) as person_key
    from records
    group by records.person_number

),

first_touches as (

    select
        person_numbers.person_key,
        kinds.campaign_id,
        kinds.channel,
        touches.touch_date
    from first_touch_numbers
    inner join touches on first_touch_numbers.touch_number = touches.touch_number
    inner join kinds on touches.kind_number = kinds.kind_number
    inner join person_numbers
        on first_touch_numbers.person_number = person_numbers.person_number

),

{{ steps_of_people(of=['person_key']) }},

lifecycle as (

    select taken_steps.*
    from taken_steps

)

select * from lifecycle
