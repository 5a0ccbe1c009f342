-- One row per customer x account that one of its subscriptions names ('' where it names none): the
-- account that it is, and how that was found. Customers without a subscription have a row with ''.
with

subscription_versions as (

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

customers as (

    select * from {{ ref('stg_customer') }}
    where not is_tombstone

),

ranked_accounts as (

    select
        accounts.source,
        accounts.account_id,
        {{ short_salesforce_id('accounts.account_id') }} as short_id,
        accounts.billing_customer_id,
        {{ domain_of('accounts.website') }} as domain,
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

ranked_customers as (

    select
        customers.source,
        customers.customer_id,
        customers.account_id,
        {{ domain_of('customers.domain') }} as domain,
        row_number() over (
            partition by customers.source, customers.customer_id
            order by customers.valid_from desc
        ) as recency
    from customers

),

latest_customers as (

    select * from ranked_customers
    where recency = 1

),

paying as (

    select
        subscriptions.source,
        subscriptions.customer_id,
        coalesce(subscription_versions.account_id, '') as named_account_id
    from subscription_versions
    inner join subscriptions
        on
            subscription_versions.source = subscriptions.source
            and subscription_versions.subscription_id = subscriptions.subscription_id
    group by
        subscriptions.source,
        subscriptions.customer_id,
        coalesce(subscription_versions.account_id, '')

),

with_others as (

    select * from paying
    union all
    select
        latest_customers.source,
        latest_customers.customer_id,
        '' as named_account_id
    from latest_customers
    left join paying
        on
            latest_customers.source = paying.source
            and latest_customers.customer_id = paying.customer_id
    where paying.customer_id is null

),

-- What is known of each: an id from billing, or else the customer's domain.
named as (

    select
        with_others.source,
        with_others.customer_id,
        with_others.named_account_id,
        coalesce(
            nullif(with_others.named_account_id, ''), latest_customers.account_id
        ) as explicit_account_id,
        case
            when with_others.named_account_id <> '' then 'subscription' else 'customer'
        end as named_by,
        latest_customers.domain
    from with_others
    left join latest_customers
        on
            with_others.source = latest_customers.source
            and with_others.customer_id = latest_customers.customer_id

),

-- CRM and billing are different sources, so an id is looked for in all of them; one of Salesforce
-- in its other length, too.
found as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        named.named_by as match_method,
        1 as method_order,
        latest_accounts.source as account_source,
        latest_accounts.account_id,
        latest_accounts.is_deleted
    from named
    inner join latest_accounts on named.explicit_account_id = latest_accounts.account_id
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        named.named_by as match_method,
        2 as method_order,
        latest_accounts.source as account_source,
        latest_accounts.account_id,
        latest_accounts.is_deleted
    from named
    inner join latest_accounts
        on {{ short_salesforce_id('named.explicit_account_id') }} = latest_accounts.short_id
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        'account' as match_method,
        3 as method_order,
        latest_accounts.source as account_source,
        latest_accounts.account_id,
        latest_accounts.is_deleted
    from named
    inner join latest_accounts on named.customer_id = latest_accounts.billing_customer_id
    where named.explicit_account_id is null
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        'domain' as match_method,
        4 as method_order,
        latest_accounts.source as account_source,
        latest_accounts.account_id,
        latest_accounts.is_deleted
    from named
    inner join latest_accounts on named.domain = latest_accounts.domain
    where named.explicit_account_id is null

),

ranked as (

    select
        found.*,
        row_number() over (
            partition by found.source, found.customer_id, found.named_account_id
            order by
                found.method_order nulls last,
                case when found.source <> found.account_source then 1 else 0 end nulls last,
                found.is_deleted nulls last,
                found.account_source nulls last,
                found.account_id nulls last
        ) as preference,
        count(*) over (
            partition by
                found.source,
                found.customer_id,
                found.named_account_id,
                found.method_order,
                found.source = found.account_source,
                found.is_deleted
        ) as candidate_count
    from found

),

best as (

    select
        ranked.*,
        ranked.match_method = 'domain' and ranked.candidate_count > 1 as is_ambiguous
    from ranked
    where ranked.preference = 1

),

-- An account that was named and never captured is one of billing's own source. A domain that
-- several accounts have tells of none of them.
resolved as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        case
            when best.is_ambiguous then null
            when best.account_id is not null then best.account_source
            when named.explicit_account_id is not null then named.source
        end as account_source,
        case
            when not coalesce(best.is_ambiguous, false)
                then coalesce(best.account_id, named.explicit_account_id)
        end as account_id,
        case
            when best.is_ambiguous then 'ambiguous_domain'
            when best.account_id is not null then best.match_method
            when named.explicit_account_id is not null then 'unknown_account'
            else 'unmatched'
        end as match_method,
        cast(coalesce(best.candidate_count, 0) as integer) as candidate_count
    from named
    left join best
        on
            named.source = best.source
            and named.customer_id = best.customer_id
            and named.named_account_id = best.named_account_id

)

select * from resolved
