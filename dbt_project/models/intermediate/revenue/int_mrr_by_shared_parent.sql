-- One row per parent of several customers x month at whose end it pays.
with

customers as (

    select * from {{ ref('int_mrr_by_customer') }}

),

-- Only parents with several customers need adding up, and few have them.
shared_parents as (

    select customers.parent_key
    from customers
    group by customers.parent_key
    having min(customers.customer_key) < max(customers.customer_key)

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
    inner join shared_parents on customers.parent_key = shared_parents.parent_key

),

-- A parent is in the segment of its largest subscription, like a customer.
parents as (

    select
        ranked.parent_key,
        ranked.month_number,
        max(case when ranked.size_rank = 1 then ranked.segment end) as segment,
        cast(sum(ranked.mrr_amount) as decimal(18, 2)) as mrr_amount,
        cast(sum(ranked.next_rate_mrr_amount) as decimal(18, 2)) as next_rate_mrr_amount,
        cast(sum(ranked.unpriced_subscriptions) as integer) as unpriced_subscriptions
    from ranked
    group by ranked.parent_key, ranked.month_number

)

select * from parents
