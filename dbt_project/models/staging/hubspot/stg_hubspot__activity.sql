-- One row per engagement of HubSpot and associated deal, as last captured.
with

calls as (

    {{ vendor_rows('hubspot', 'activity', 'call') }}

),

emails as (

    {{ vendor_rows('hubspot', 'activity', 'email') }}

),

meetings as (

    {{ vendor_rows('hubspot', 'activity', 'meeting') }}

),

notes as (

    {{ vendor_rows('hubspot', 'activity', 'note') }}

),

tasks as (

    {{ vendor_rows('hubspot', 'activity', 'task') }}

),

links as (

    {{ vendor_rows('hubspot', 'activity', 'engagement_deal') }}

),

-- A meeting that was cancelled or missed and a task that is not done are none.
versions as (

    select
        calls.source,
        calls.activity_id,
        'call' as engagement_type,
        calls.opportunity_id,
        coalesce(
            calls.person_id,
            nullif(split_part(calls.contact_ids, ';', 1), '')
        ) as person_id,
        calls.owner_id,
        lower(coalesce(calls.activity_type, 'call')) as activity_type,
        calls.occurred_at,
        calls.valid_from,
        calls.valid_to,
        calls._pl_change,
        calls._pl_origin
    from calls
    union all
    select
        emails.source,
        emails.activity_id,
        'email' as engagement_type,
        emails.opportunity_id,
        coalesce(
            emails.person_id,
            nullif(split_part(emails.contact_ids, ';', 1), '')
        ) as person_id,
        emails.owner_id,
        lower(coalesce(emails.activity_type, 'email')) as activity_type,
        emails.occurred_at,
        emails.valid_from,
        emails.valid_to,
        emails._pl_change,
        emails._pl_origin
    from emails
    union all
    select
        meetings.source,
        meetings.activity_id,
        'meeting' as engagement_type,
        meetings.opportunity_id,
        coalesce(
            meetings.person_id,
            nullif(split_part(meetings.contact_ids, ';', 1), '')
        ) as person_id,
        meetings.owner_id,
        lower(coalesce(meetings.activity_type, 'meeting')) as activity_type,
        meetings.occurred_at,
        meetings.valid_from,
        meetings.valid_to,
        meetings._pl_change,
        meetings._pl_origin
    from meetings
    where
        meetings.outcome is null
        or meetings.outcome not in ('CANCELED', 'NO_SHOW', 'RESCHEDULED')
    union all
    select
        notes.source,
        notes.activity_id,
        'note' as engagement_type,
        notes.opportunity_id,
        coalesce(
            notes.person_id,
            nullif(split_part(notes.contact_ids, ';', 1), '')
        ) as person_id,
        notes.owner_id,
        lower(coalesce(notes.activity_type, 'note')) as activity_type,
        notes.occurred_at,
        notes.valid_from,
        notes.valid_to,
        notes._pl_change,
        notes._pl_origin
    from notes
    union all
    select
        tasks.source,
        tasks.activity_id,
        'task' as engagement_type,
        tasks.opportunity_id,
        coalesce(
            tasks.person_id,
            nullif(split_part(tasks.contact_ids, ';', 1), '')
        ) as person_id,
        tasks.owner_id,
        lower(coalesce(tasks.activity_type, 'task')) as activity_type,
        coalesce(tasks.occurred_at, tasks.due_at) as occurred_at,
        tasks.valid_from,
        tasks.valid_to,
        tasks._pl_change,
        tasks._pl_origin
    from tasks
    where tasks.status = 'COMPLETED'

),

deals as (

    select
        links.source,
        links.engagement_type,
        links.engagement_id,
        links.opportunity_id,
        row_number() over (
            partition by links.source, links.engagement_type, links.engagement_id
            order by links.opportunity_id nulls last
        ) as deal_number
    from links
    where links._pl_change = 'upsert' and links.valid_to = cast('9999-12-31' as date)

),

-- Known since the first version, told by the last.
engagements as (

    select
        versions.source,
        versions.activity_id,
        versions.engagement_type,
        versions.opportunity_id,
        versions.person_id,
        versions.owner_id,
        versions.activity_type,
        versions.occurred_at,
        min(versions.valid_from) over (
            partition by versions.source, versions.engagement_type, versions.activity_id
        ) as valid_from,
        versions.valid_to,
        versions._pl_change,
        versions._pl_origin
    from versions
    where versions._pl_change = 'upsert'

),

-- An engagement with several deals is one row for each, the first of them under its own id.
activities as (

    select
        -- ids
        engagements.source,
        case
            when coalesce(deals.deal_number, 1) = 1 then engagements.activity_id
            else engagements.activity_id || '-' || deals.opportunity_id
        end as activity_id,
        coalesce(engagements.opportunity_id, deals.opportunity_id) as opportunity_id,
        engagements.person_id,
        engagements.owner_id,

        -- attributes
        engagements.activity_type,

        -- timestamps
        engagements.occurred_at,

        -- the version
        engagements.valid_from,
        engagements.valid_to,
        engagements._pl_change,
        engagements._pl_origin
    from engagements
    left join deals
        on
            engagements.source = deals.source
            and engagements.engagement_type = deals.engagement_type
            and engagements.activity_id = deals.engagement_id
    where engagements.valid_to = cast('9999-12-31' as date)

)

select * from activities
