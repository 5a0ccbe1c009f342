-- One row per level x payer x month at whose end it pays: customers by themselves, and summed up to
-- their parents.
with

customers as (

    select * from {{ ref('int_mrr_by_customer') }}

),

parents as (

    select * from {{ ref('int_mrr_by_shared_parent') }}

),

shared_parents as (

    select parents.parent_key
    from parents
    group by parents.parent_key

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
        parents.mrr_amount,
        parents.next_rate_mrr_amount,
        parents.unpriced_subscriptions > 0 as is_unpriced
    from parents
    union all
    select
        'parent' as level,
        customers.parent_key as payer_key,
        customers.month_number,
        customers.segment,
        customers.mrr_amount,
        customers.next_rate_mrr_amount,
        customers.unpriced_subscriptions > 0 as is_unpriced
    from customers
    left join shared_parents on customers.parent_key = shared_parents.parent_key
    where shared_parents.parent_key is null

)

select * from payers
