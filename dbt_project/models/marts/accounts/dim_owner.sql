-- One row per user of the CRM, as it was last captured.
with

users as (

    select * from {{ ref('stg_user') }}

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

)

select * from dimension
