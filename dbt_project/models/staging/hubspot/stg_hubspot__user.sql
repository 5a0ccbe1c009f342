-- One row per owner of HubSpot x version.
with

owners as (

    {{ vendor_rows('hubspot', 'user', 'owner') }}

),

users as (

    {{ vendor_rows('hubspot', 'user', 'user') }}

),

-- HubSpot keeps an owner apart from the user who it is, and custom properties with the user.
details as (

    select * from users
    where owner_of_user is not null and _pl_change = 'upsert'

),

-- Where either changes, a version begins.
starts as (

    select
        owners.source,
        owners.user_id,
        owners.valid_from
    from owners
    union
    select
        details.source,
        details.owner_of_user as user_id,
        details.valid_from
    from details

),

spans as (

    select
        starts.source,
        starts.user_id,
        starts.valid_from,
        lead(starts.valid_from, 1, {{ end_of_time() }}) over (
            partition by starts.source, starts.user_id
            order by starts.valid_from nulls last
        ) as valid_to
    from starts

),

people as (

    select
        -- ids
        owners.source,
        owners.user_id,
        coalesce(details.manager_id, owners.manager_id) as manager_id,

        -- attributes
        coalesce(
            nullif(trim(concat_ws(' ', owners.first_name, owners.last_name)), ''),
            owners.user_name
        ) as user_name,
        coalesce(details.role, owners.role) as role,
        coalesce(details.team, owners.team) as team,
        coalesce(details.region, owners.region) as region,

        -- flags
        owners.is_active,

        -- timestamps
        coalesce(details.started_at, owners.started_at) as started_at,
        coalesce(details.ended_at, owners.ended_at) as ended_at,

        -- the version
        spans.valid_from,
        spans.valid_to,
        owners._pl_change,
        owners._pl_origin
    from spans
    inner join owners
        on
            spans.source = owners.source
            and spans.user_id = owners.user_id
            and spans.valid_from >= owners.valid_from
            and spans.valid_from < owners.valid_to
    left join details
        on
            spans.source = details.source
            and spans.user_id = details.owner_of_user
            and spans.valid_from >= details.valid_from
            and spans.valid_from < details.valid_to

)

select * from people
