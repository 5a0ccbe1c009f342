-- One row per quota of HubSpot x version, tombstones included. A goal that counts calls is none.
with

goals as (

    {{ vendor_rows('hubspot', 'quota', 'goal_target') }}

),

quotas as (

    select
        goals.source,
        goals.quota_id,
        goals.owner_id,
        goals.team,

        -- dates: HubSpot keeps them as instants
        coalesce(
            goals.period_start_date, {{ business_date('goals.starts_at') }}
        ) as period_start_date,
        coalesce(goals.period_end_date, {{ business_date('goals.ends_at') }}) as period_end_date,
        goals.quota_amount,
        goals.currency_code,
        goals.valid_from,
        goals.valid_to,
        goals._pl_change,
        goals._pl_origin
    from goals
    where
        goals._pl_change = 'delete'
        or goals.currency_code is not null
        or goals.goal_type = 'sales_quota'

)

select * from quotas
