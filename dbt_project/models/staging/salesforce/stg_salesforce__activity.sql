-- One row per completed task or event of Salesforce, as last captured.
with

tasks as (

    {{ vendor_rows('salesforce', 'activity', 'task') }}

),

events as (

    {{ vendor_rows('salesforce', 'activity', 'event') }}

),

-- An event has a copy for each colleague who was invited, and these are one meeting.
versions as (

    select
        tasks.source,
        tasks.activity_id,
        coalesce(tasks.opportunity_id, tasks.what_id) as what_id,
        tasks.person_id,
        tasks.owner_id,
        lower(coalesce(tasks.activity_type, tasks.subtype, 'task')) as activity_type,
        coalesce(tasks.occurred_at, tasks.due_at) as occurred_at,
        tasks.valid_from,
        tasks.valid_to,
        tasks._pl_change,
        tasks._pl_origin
    from tasks
    where tasks.is_closed
    union all
    select
        events.source,
        events.activity_id,
        coalesce(events.opportunity_id, events.what_id) as what_id,
        events.person_id,
        events.owner_id,
        lower(coalesce(events.activity_type, 'meeting')) as activity_type,
        coalesce(events.occurred_at, events.due_at) as occurred_at,
        events.valid_from,
        events.valid_to,
        events._pl_change,
        events._pl_origin
    from events
    where not coalesce(events.is_child, false)

),

-- Known since the first version, told by the last.
activities as (

    select
        -- ids
        versions.source,
        versions.activity_id,
        case when versions.what_id like '006%' then versions.what_id end as opportunity_id,
        versions.person_id,
        versions.owner_id,

        -- attributes
        versions.activity_type,

        -- timestamps
        versions.occurred_at,

        -- the version
        min(versions.valid_from) over (
            partition by versions.source, versions.activity_id
        ) as valid_from,
        versions.valid_to,
        versions._pl_change,
        versions._pl_origin
    from versions
    where versions._pl_change = 'upsert'

),

latest as (

    select * from activities
    where valid_to = {{ end_of_time() }}

)

select * from latest
