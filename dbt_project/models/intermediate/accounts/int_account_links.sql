-- One row per account that ever had a parent x valid_from: the account above it, NULL while none
-- is. Covers all time; before the first captured day of its source it is that of this day.
with

accounts as (

    select * from {{ ref('stg_account') }}
    where not is_tombstone

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'account'

),

first_days as (

    select
        snapshot_days.source,
        min(snapshot_days.first_captured_date) as first_captured_date
    from snapshot_days
    group by snapshot_days.source

),

linked as (

    select
        accounts.source,
        accounts.account_id
    from accounts
    where accounts.parent_account_id is not null
    group by accounts.source, accounts.account_id

),

versions as (

    select
        accounts.source,
        accounts.account_id,
        accounts.parent_account_id,
        case
            when accounts.valid_from <= first_days.first_captured_date
                then {{ beginning_of_time() }}
            else accounts.valid_from
        end as valid_from,
        accounts.valid_to
    from accounts
    inner join linked
        on accounts.source = linked.source and accounts.account_id = linked.account_id
    inner join first_days on accounts.source = first_days.source

),

-- Where a version ends nobody is above the account, until the next one starts.
changes as (

    select
        versions.source,
        versions.account_id,
        versions.parent_account_id,
        versions.valid_from,
        1 as preference
    from versions
    union all
    select
        versions.source,
        versions.account_id,
        null as parent_account_id,
        versions.valid_to as valid_from,
        0 as preference
    from versions
    where versions.valid_to < {{ end_of_time() }}
    union all
    select
        linked.source,
        linked.account_id,
        null as parent_account_id,
        {{ beginning_of_time() }} as valid_from,
        0 as preference
    from linked

),

ranked as (

    select
        changes.*,
        row_number() over (
            partition by changes.source, changes.account_id, changes.valid_from
            order by changes.preference desc
        ) as recency
    from changes

),

compared as (

    select
        ranked.source,
        ranked.account_id,
        ranked.parent_account_id,
        ranked.valid_from,
        row_number() over earlier as change_number,
        lag(ranked.parent_account_id) over earlier as previous_parent_account_id
    from ranked
    where ranked.recency = 1
    window earlier as (
        partition by ranked.source, ranked.account_id
        order by ranked.valid_from nulls last
    )

),

links as (

    select
        compared.source,
        compared.account_id,
        compared.parent_account_id,
        compared.valid_from,
        cast(coalesce(
            lead(compared.valid_from) over (
                partition by compared.source, compared.account_id
                order by compared.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from compared
    where
        compared.change_number = 1
        or coalesce(compared.parent_account_id, '')
        <> coalesce(compared.previous_parent_account_id, '')

)

select * from links
