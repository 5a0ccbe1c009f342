-- One row per owner: a user of the CRM, as it was last captured, or a name that opportunities give
-- to an owner who is no user there.
with

users as (

    select * from {{ ref('stg_user') }}

),

opportunities as (

    select * from {{ ref('stg_opportunity') }}
    where owner_name is not null and not is_tombstone

),

-- A deleted user keeps what was last known of them.
latest as (

    select
        users.source,
        users.user_id,
        max(case when not users.is_tombstone then users.valid_from end) as valid_from,
        max(users.valid_to) <> {{ end_of_time() }}
        or max(case when users.is_tombstone then users.valid_from end)
        > max(case when not users.is_tombstone then users.valid_from end) as is_deleted
    from users
    group by users.source, users.user_id

),

named as (

    select
        opportunities.source,
        opportunities.owner_id,
        opportunities.owner_name,
        row_number() over (
            partition by opportunities.source, opportunities.owner_id
            order by opportunities.valid_from desc, opportunities.opportunity_id asc nulls last
        ) as recency
    from opportunities
    left join latest
        on
            opportunities.source = latest.source
            and opportunities.owner_id = latest.user_id
    where latest.user_id is null

),

dimension as (

    select
        -- ids
        users.source,
        users.user_id as owner_id,
        users.manager_id,

        -- attributes
        users.user_name as owner_name,
        users.role,
        users.team,
        users.region,

        -- flags
        users.is_active,
        coalesce(latest.is_deleted, false) as is_deleted,

        -- dates
        {{ business_date('users.started_at') }} as started_date,
        {{ business_date('users.ended_at') }} as ended_date
    from users
    inner join latest
        on
            users.source = latest.source
            and users.user_id = latest.user_id
            and users.valid_from = latest.valid_from
    union all
    select
        named.source,
        named.owner_id,
        null as manager_id,
        named.owner_name,
        null as role,
        null as team,
        null as region,
        null as is_active,
        false as is_deleted,
        null as started_date,
        null as ended_date
    from named
    where named.recency = 1

)

select * from dimension
