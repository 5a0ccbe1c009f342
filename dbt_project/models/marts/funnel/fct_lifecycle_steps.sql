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

first_touches as (

    select * from {{ ref('int_person_first_touches') }}

),

records as (

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
        records.person_key,
        records.source,
        records.person_id,
        records.created_date,
        last_day.as_of_date
    from records
    cross join last_day

),

{{ steps_of_people(of=['person_key']) }},

lifecycle as (

    select taken_steps.*
    from taken_steps

)

select * from lifecycle
