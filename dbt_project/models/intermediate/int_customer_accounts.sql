-- One row per customer x account that one of its subscriptions names ('' where it names none): the
-- account that it is.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

accounts as (

    select * from {{ ref('stg_account') }}
    where not is_tombstone

),

named as (

    select
        subscriptions.source,
        subscriptions.customer_id,
        coalesce(versions.account_id, '') as named_account_id
    from versions
    inner join subscriptions
        on
            versions.source = subscriptions.source
            and versions.subscription_id = subscriptions.subscription_id
    group by
        subscriptions.source, subscriptions.customer_id, coalesce(versions.account_id, '')

),

ranked_accounts as (

    select
        accounts.source,
        accounts.account_id,
        accounts.billing_customer_id,
        accounts.valid_to < {{ end_of_time() }} as is_deleted,
        row_number() over (
            partition by accounts.source, accounts.account_id
            order by accounts.valid_from desc
        ) as recency
    from accounts

),

latest_accounts as (

    select * from ranked_accounts
    where recency = 1

),

-- CRM and billing are different sources, so an id is looked for in all of them.
candidates as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        latest_accounts.source as account_source,
        latest_accounts.account_id,
        latest_accounts.source <> named.source as is_foreign,
        latest_accounts.is_deleted
    from named
    inner join latest_accounts on named.named_account_id = latest_accounts.account_id
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        latest_accounts.source as account_source,
        latest_accounts.account_id,
        latest_accounts.source <> named.source as is_foreign,
        latest_accounts.is_deleted
    from named
    inner join latest_accounts on named.customer_id = latest_accounts.billing_customer_id
    where named.named_account_id = ''

),

ranked as (

    select
        candidates.*,
        row_number() over (
            partition by
                candidates.source, candidates.customer_id, candidates.named_account_id
            order by
                candidates.is_foreign nulls last,
                candidates.is_deleted nulls last,
                candidates.account_source nulls last,
                candidates.account_id nulls last
        ) as preference,
        count(*) over (
            partition by
                candidates.source,
                candidates.customer_id,
                candidates.named_account_id,
                candidates.is_foreign,
                candidates.is_deleted
        ) as candidate_count
    from candidates

),

-- An account that was named and never captured is one of the subscription's own source.
resolved as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        coalesce(
            ranked.account_source,
            case when named.named_account_id <> '' then named.source end
        ) as account_source,
        coalesce(ranked.account_id, nullif(named.named_account_id, '')) as account_id,
        cast(coalesce(ranked.candidate_count, 0) as integer) as candidate_count
    from named
    left join ranked
        on
            named.source = ranked.source
            and named.customer_id = ranked.customer_id
            and named.named_account_id = ranked.named_account_id
            and ranked.preference = 1

)

select * from resolved
