-- One row per level x payer x month at whose end it pays: customers by themselves, and summed up to
-- their parents.
with

customers as (

    select * from {{ ref('int_customer_mrr') }}

),

ranked as (

    select
        customers.parent_key,
        customers.month_number,
        customers.segment,
        customers.mrr_amount,
        customers.next_rate_mrr_amount,
        customers.unpriced_subscriptions,
        row_number() over (
            partition by customers.parent_key, customers.month_number
            order by
                customers.largest_mrr_amount desc nulls last,
                customers.subscription_key asc nulls last
        ) as size_rank
    from customers

),

-- A parent is in the segment of its largest subscription, like a customer.
parents as (

    select
        ranked.parent_key,
        ranked.month_number,
        max(case when ranked.size_rank = 1 then ranked.segment end) as segment,
        sum(ranked.mrr_amount) as mrr_amount,
        sum(ranked.next_rate_mrr_amount) as next_rate_mrr_amount,
        sum(ranked.unpriced_subscriptions) as unpriced_subscriptions
    from ranked
    group by ranked.parent_key, ranked.month_number

),

payers as (

    select
        'customer' as level,
        customers.customer_key as payer_key,
        customers.month_number,
        customers.segment,
        customers.mrr_amount,
        customers.next_rate_mrr_amount,
        customers.unpriced_subscriptions > 0 as is_unpriced
    from customers
    union all
    select
        'parent' as level,
        parents.parent_key as payer_key,
        parents.month_number,
        parents.segment,
        cast(parents.mrr_amount as decimal(18, 2)) as mrr_amount,
        cast(parents.next_rate_mrr_amount as decimal(18, 2)) as next_rate_mrr_amount,
        parents.unpriced_subscriptions > 0 as is_unpriced
    from parents

)

select * from payers
