-- One row per customer x account that one of its subscriptions names ('' where it names none) x day
-- from which it was known: what billing says of the account that it is. Customers without a
-- subscription have rows with ''.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

customers as (

    select * from {{ ref('stg_customer') }}
    where not is_tombstone

),

told_customers as (

    select
        customers.source,
        customers.customer_id,
        customers.account_id,
        {{ domain_of('customers.domain') }} as domain,
        customers.valid_from as known_from,
        cast(coalesce(lead(customers.valid_from) over (
            partition by customers.source, customers.customer_id
            order by customers.valid_from nulls last
        ), {{ end_of_time() }}) as date) as known_to
    from customers

),

first_day as (

    select min(days.known_from) as first_date
    from (
        select min(told_customers.known_from) as known_from from told_customers
        union all
        select min(versions.valid_from) as known_from from versions
    ) as days

),

told_subscriptions as (

    select
        versions.source,
        versions.subscription_id,
        versions.customer_id,
        coalesce(versions.account_id, '') as named_account_id,
        versions.customer_id = subscriptions.customer_id as is_last_customer,
        lead(versions.valid_from) over (
            partition by versions.source, versions.subscription_id
            order by versions.valid_from nulls last
        ) as next_from
    from versions
    inner join subscriptions
        on
            versions.source = subscriptions.source
            and versions.subscription_id = subscriptions.subscription_id

),

-- Whose a subscription is, and whose it was before.
owners as (

    select
        told_subscriptions.source,
        told_subscriptions.subscription_id,
        told_subscriptions.customer_id,
        max(case
            when told_subscriptions.is_last_customer then {{ end_of_time() }}
            else told_subscriptions.next_from
        end) as known_to
    from told_subscriptions
    group by
        told_subscriptions.source,
        told_subscriptions.subscription_id,
        told_subscriptions.customer_id

),

named_accounts as (

    select distinct
        told_subscriptions.source,
        told_subscriptions.subscription_id,
        told_subscriptions.named_account_id
    from told_subscriptions

),

keys as (

    select
        owners.source,
        owners.customer_id,
        named_accounts.named_account_id,
        owners.known_to
    from owners
    inner join named_accounts
        on
            owners.source = named_accounts.source
            and owners.subscription_id = named_accounts.subscription_id
    union all
    select
        told_customers.source,
        told_customers.customer_id,
        '' as named_account_id,
        {{ end_of_time() }} as known_to
    from told_customers
    left join subscriptions
        on
            told_customers.source = subscriptions.source
            and told_customers.customer_id = subscriptions.customer_id
    where subscriptions.customer_id is null

),

lasting_keys as (

    select
        keys.source,
        keys.customer_id,
        keys.named_account_id,
        max(keys.known_to) as known_to
    from keys
    group by keys.source, keys.customer_id, keys.named_account_id

),

-- Before billing told of a customer, nothing was known of it, back to the first captured day.
known_customers as (

    select * from told_customers
    union all
    select
        lasting_keys.source,
        lasting_keys.customer_id,
        null as account_id,
        null as domain,
        first_day.first_date as known_from,
        coalesce(min(told_customers.known_from), {{ end_of_time() }}) as known_to
    from lasting_keys
    cross join first_day
    left join told_customers
        on
            lasting_keys.source = told_customers.source
            and lasting_keys.customer_id = told_customers.customer_id
    group by lasting_keys.source, lasting_keys.customer_id, first_day.first_date

),

customer_references as (

    select
        -- ids
        lasting_keys.source,
        lasting_keys.customer_id,
        lasting_keys.named_account_id,
        coalesce(
            nullif(lasting_keys.named_account_id, ''), known_customers.account_id
        ) as explicit_account_id,

        -- attributes
        case
            when lasting_keys.named_account_id <> '' then 'subscription' else 'customer'
        end as named_by,
        known_customers.domain,

        -- dates
        known_customers.known_from,
        least(known_customers.known_to, lasting_keys.known_to) as known_to
    from lasting_keys
    inner join known_customers
        on
            lasting_keys.source = known_customers.source
            and lasting_keys.customer_id = known_customers.customer_id
            and lasting_keys.known_to > known_customers.known_from
    where known_customers.known_from < known_customers.known_to

)

select * from customer_references
