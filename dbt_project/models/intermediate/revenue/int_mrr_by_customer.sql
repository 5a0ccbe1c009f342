-- One row per customer x month at whose end it pays, or would if its price were known: narrow, with
-- the account and parent that it has then.
with

subscriptions as (

    select * from {{ ref('int_mrr_by_subscription') }}

),

months as (

    select * from {{ ref('int_mrr_months') }}

),

parents as (

    select * from {{ ref('int_mrr_account_parents') }}

),

segments as (

    select * from {{ ref('int_mrr_account_segments') }}

),

-- The largest subscription, then the one with the lowest id, says which account the customer is.
ranked as (

    select
        subscriptions.*,
        row_number() over (
            partition by subscriptions.customer_key, subscriptions.month_number
            order by
                subscriptions.mrr_amount desc nulls last,
                subscriptions.subscription_key asc nulls last
        ) as size_rank
    from subscriptions

),

customers as (

    select
        ranked.customer_key,
        ranked.month_number,
        max(case when ranked.size_rank = 1 then ranked.account_key end) as account_key,
        max(case when ranked.size_rank = 1 then ranked.subscription_key end) as subscription_key,
        max(ranked.mrr_amount) as largest_mrr_amount,
        count(*) as subscriptions,
        count(*) filter (where ranked.mrr_amount is null) as unpriced_subscriptions,
        max(case when ranked.is_awaiting_renewal then 1 else 0 end) = 1 as is_awaiting_renewal,
        coalesce(sum(ranked.mrr_amount), 0) as mrr_amount,
        coalesce(sum(ranked.next_rate_mrr_amount), 0) as next_rate_mrr_amount
    from ranked
    group by ranked.customer_key, ranked.month_number

),

-- A customer without an account is its own parent.
placed as (

    select
        -- ids
        customers.customer_key,
        customers.account_key,
        customers.subscription_key,
        coalesce(parents.parent_key, -customers.customer_key) as parent_key,

        -- attributes
        coalesce(segments.segment, '(unassigned)') as segment,

        -- numerics
        customers.month_number,
        cast(customers.subscriptions as integer) as subscriptions,
        cast(customers.unpriced_subscriptions as integer) as unpriced_subscriptions,
        customers.largest_mrr_amount,
        cast(greatest(customers.mrr_amount, 0) as decimal(18, 2)) as mrr_amount,
        cast(customers.next_rate_mrr_amount as decimal(18, 2)) as next_rate_mrr_amount,

        -- flags
        customers.is_awaiting_renewal,
        months.is_captured,

        -- dates
        months.month_end
    from customers
    inner join months on customers.month_number = months.month_number
    left join parents
        on
            customers.account_key = parents.account_key
            and months.month_end >= parents.valid_from
            and months.month_end < parents.valid_to
    left join segments
        on
            customers.account_key = segments.account_key
            and months.month_end >= segments.valid_from
            and months.month_end < segments.valid_to
    where customers.mrr_amount > 0 or customers.unpriced_subscriptions > 0

)

select * from placed
