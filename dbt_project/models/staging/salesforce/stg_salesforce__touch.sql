-- One row per campaign member of Salesforce who responded, as last captured.
with

members as (

    {{ vendor_rows('salesforce', 'touch', 'campaign_member') }}

),

-- Known since the first version that had responded, told by the last.
-- A mail that was only sent is no touch.
touches as (

    select
        -- ids
        members.source,
        members.touch_id,
        coalesce(members.person_id, members.lead_id) as person_id,
        members.campaign_id,

        -- attributes
        members.touch_type,

        -- timestamps
        coalesce(members.touched_at, members.joined_at) as touched_at,

        -- the version
        min(members.valid_from) over (
            partition by members.source, members.touch_id
        ) as valid_from,
        members.valid_to,
        members._pl_change,
        members._pl_origin
    from members
    where members._pl_change = 'upsert' and members.has_responded

),

latest as (

    select * from touches
    where valid_to = {{ end_of_time() }}

)

select * from latest
