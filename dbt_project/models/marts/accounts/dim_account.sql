-- One row per account, as it was last captured.
with

accounts as (

    select * from {{ ref('stg_account') }}

),

segments as (

    select * from {{ ref('int_account_segments') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}

),

last_days as (

    select
        snapshot_days.source,
        max(snapshot_days.snapshot_date) as last_captured_date
    from snapshot_days
    group by snapshot_days.source

),

-- A deleted account keeps what was last known of it.
latest as (

    select
        accounts.source,
        accounts.account_id,
        max(case when not accounts.is_tombstone then accounts.valid_from end) as valid_from,
        max(accounts.valid_to) <> {{ end_of_time() }}
        or max(case when accounts.is_tombstone then accounts.valid_from end)
        > max(case when not accounts.is_tombstone then accounts.valid_from end) as is_deleted
    from accounts
    group by accounts.source, accounts.account_id

),

latest_segments as (

    select
        segments.source,
        segments.account_id,
        segments.segment,
        row_number() over (
            partition by segments.source, segments.account_id
            order by segments.valid_from desc
        ) as recency
    from segments
    inner join last_days
        on
            segments.source = last_days.source
            and segments.valid_from <= last_days.last_captured_date

),

dimension as (

    select
        -- ids
        accounts.source,
        accounts.account_id,
        accounts.parent_account_id,
        accounts.owner_id,
        accounts.billing_customer_id,

        -- attributes
        accounts.account_name,
        coalesce(latest_segments.segment, '(unassigned)') as segment,
        accounts.source_segment,
        accounts.industry,
        accounts.region,
        accounts.website,

        -- numerics
        accounts.employee_count,

        -- flags
        accounts.is_target_account,
        coalesce(latest.is_deleted, false) as is_deleted,

        -- dates
        {{ business_date('accounts.created_at') }} as created_date
    from accounts
    inner join latest
        on
            accounts.source = latest.source
            and accounts.account_id = latest.account_id
            and accounts.valid_from = latest.valid_from
    left join latest_segments
        on
            accounts.source = latest_segments.source
            and accounts.account_id = latest_segments.account_id
            and latest_segments.recency = 1

)

select * from dimension
