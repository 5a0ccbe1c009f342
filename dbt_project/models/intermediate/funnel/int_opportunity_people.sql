-- One row per opportunity x person's record x match (`role`, `converted`): since when it is known
-- that they belong together.
with

roles as (

    select * from {{ ref('stg_opportunity_contact_role') }}
    where not is_tombstone

),

people as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone and converted_opportunity_id is not null

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'opportunity_contact_role'

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

first_days as (

    select
        snapshot_days.source,
        snapshot_days.entity,
        min(snapshot_days.first_captured_date) as first_captured_date
    from snapshot_days
    group by snapshot_days.source, snapshot_days.entity
    union all
    select
        person_days.source,
        'person' as entity,
        person_days.first_captured_date
    from person_days

),

linked as (

    select
        roles.source,
        roles.opportunity_id,
        roles.person_id,
        'role' as match,
        'opportunity_contact_role' as entity,
        min(roles.valid_from) as linked_from
    from roles
    group by roles.source, roles.opportunity_id, roles.person_id
    union all
    select
        people.source,
        people.converted_opportunity_id as opportunity_id,
        people.person_id,
        'converted' as match,
        'person' as entity,
        min(people.valid_from) as linked_from
    from people
    group by people.source, people.converted_opportunity_id, people.person_id

),

links as (

    select
        -- ids
        linked.source,
        linked.opportunity_id,
        linked.person_id,

        -- attributes
        linked.match,
        linked.linked_from <= first_days.first_captured_date as is_left_truncated,

        -- dates
        linked.linked_from
    from linked
    inner join first_days
        on linked.source = first_days.source and linked.entity = first_days.entity

)

select * from links
