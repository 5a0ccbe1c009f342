-- One row per customer of billing, as it was last captured, and the account that it is.
with

customers as (

    select * from {{ ref('stg_customer') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts') }}
    where known_to = {{ end_of_time() }}

),

ranked_customers as (

    select
        customers.*,
        row_number() over (
            partition by customers.source, customers.customer_id
            order by customers.valid_from desc
        ) as recency
    from customers

),

named as (

    select distinct
        subscriptions.source,
        subscriptions.customer_id,
        subscriptions.named_account_id
    from subscriptions

),

-- What its subscriptions named before counts no longer. A customer without any has one match.
matches as (

    select customer_accounts.*
    from customer_accounts
    left join named
        on
            customer_accounts.source = named.source
            and customer_accounts.customer_id = named.customer_id
            and customer_accounts.named_account_id = named.named_account_id
    where
        named.customer_id is not null
        or not exists (
            select 1
            from subscriptions
            where
                subscriptions.source = customer_accounts.source
                and subscriptions.customer_id = customer_accounts.customer_id
        )

),

-- A subscription that names no account does not divide a customer whose others name one.
ranked_matches as (

    select
        matches.*,
        row_number() over (
            partition by matches.source, matches.customer_id
            order by
                case when matches.account_id is null then 1 else 0 end nulls last,
                matches.account_source nulls last,
                matches.account_id nulls last,
                case when matches.named_account_id = '' then 1 else 0 end nulls last,
                matches.named_account_id nulls last
        ) as preference
    from matches

),

account_counts as (

    select
        accounts.source,
        accounts.customer_id,
        cast(count(*) as integer) as account_count
    from (
        select distinct
            matches.source,
            matches.customer_id,
            matches.account_source,
            matches.account_id
        from matches
        where matches.account_id is not null
    ) as accounts
    group by accounts.source, accounts.customer_id

),

dimension as (

    select
        -- ids
        ranked_matches.source,
        ranked_matches.customer_id,
        case
            when coalesce(account_counts.account_count, 0) <= 1 then ranked_matches.account_source
        end as account_source,
        case
            when coalesce(account_counts.account_count, 0) <= 1 then ranked_matches.account_id
        end as account_id,

        -- attributes
        ranked_customers.customer_name,
        {{ domain_of('ranked_customers.domain') }} as domain,
        case
            when account_counts.account_count > 1 then 'several'
            else ranked_matches.match_method
        end as match_method,
        ranked_customers.currency_code,

        -- numerics
        coalesce(account_counts.account_count, 0) as account_count,
        ranked_matches.candidate_count,

        -- flags
        coalesce(ranked_customers.valid_to < {{ end_of_time() }}, false) as is_deleted,

        -- dates
        {{ business_date('ranked_customers.created_at') }} as created_date
    from ranked_matches
    left join ranked_customers
        on
            ranked_matches.source = ranked_customers.source
            and ranked_matches.customer_id = ranked_customers.customer_id
            and ranked_customers.recency = 1
    left join account_counts
        on
            ranked_matches.source = account_counts.source
            and ranked_matches.customer_id = account_counts.customer_id
    where ranked_matches.preference = 1

)

select * from dimension
