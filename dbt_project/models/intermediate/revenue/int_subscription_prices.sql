-- One row per subscription x captured version: what it costs while the version is in force. Covers
-- all time: the earliest version holds before it too, the last one before an absence during it.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts') }}

),

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

),

-- An interval is counted in twelfths of a month.
prices as (

    select
        -- ids
        subscriptions.subscription_key,
        accounts.account_key,

        -- attributes
        coalesce(lower(trim(versions.status)), '') as status,
        coalesce(
            upper(trim(versions.currency_code)), '{{ var("base_currency") }}'
        ) as currency_code,

        -- numerics
        versions.source_amount,
        coalesce(versions.source_list_amount, versions.source_amount) as source_list_amount,
        {{ intervals_in_twelve_months(billing_interval('versions.billing_interval')) }}
            as intervals_in_twelve_months,
        case
            when coalesce(versions.interval_count, 1) > 0
                then
                    coalesce(versions.interval_count, 1)
                    * {{ billing_interval_count('versions.billing_interval') }}
        end as interval_count,

        -- dates
        case
            when lag(versions.valid_from) over earlier is null then {{ beginning_of_time() }}
            else versions.valid_from
        end as valid_from,
        cast(
            coalesce(lead(versions.valid_from) over earlier, {{ end_of_time() }}) as date
        ) as valid_to
    from versions
    inner join subscriptions
        on
            versions.source = subscriptions.source
            and versions.subscription_id = subscriptions.subscription_id
    left join customer_accounts
        on
            subscriptions.source = customer_accounts.source
            and subscriptions.customer_id = customer_accounts.customer_id
            and coalesce(versions.account_id, '') = customer_accounts.named_account_id
    left join accounts
        on
            customer_accounts.account_source = accounts.account_source
            and customer_accounts.account_id = accounts.account_id
    window earlier as (
        partition by versions.source, versions.subscription_id
        order by versions.valid_from nulls last
    )

)

select * from prices
