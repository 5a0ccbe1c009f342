-- One row per customer x month_end x segment x category.
with

mrr_movements as (

    select * from {{ ref('int_mrr_movements') }}
    where level = 'customer'

),

months as (

    select * from {{ ref('int_mrr_months') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

customers as (

    select
        subscriptions.customer_key,
        subscriptions.source,
        subscriptions.customer_id
    from subscriptions
    group by subscriptions.customer_key, subscriptions.source, subscriptions.customer_id

),

movements as (

    select
        -- ids
        customers.source,
        customers.customer_id,

        -- attributes
        mrr_movements.segment,
        mrr_movements.category,

        -- numerics
        mrr_movements.amount,
        mrr_movements.customer_delta,

        -- dates
        months.month_end
    from mrr_movements
    inner join months on mrr_movements.month_number = months.month_number
    inner join customers on mrr_movements.payer_key = customers.customer_key

)

select * from movements
