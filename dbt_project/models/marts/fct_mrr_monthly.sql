-- One row per customer x month_end at which it pays. Rows only where MRR is above 0, or not known
-- (NULL).
with

customer_mrr as (

    select * from {{ ref('int_customer_mrr') }}

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

accounts as (

    select * from {{ ref('int_paying_accounts') }}

),

monthly as (

    select
        -- ids
        customers.source,
        customers.customer_id,
        accounts.account_source,
        accounts.account_id,
        customer_mrr.parent_account_id,
        case
            when accounts.account_id is null
                then 'customer:' || customers.source || ':' || customers.customer_id
            else 'account:' || accounts.account_source || ':' || customer_mrr.parent_account_id
        end as parent_id,

        -- attributes
        customer_mrr.segment,

        -- numerics
        case when customer_mrr.mrr_amount > 0 then customer_mrr.mrr_amount end as mrr_amount,
        customer_mrr.subscriptions,
        customer_mrr.unpriced_subscriptions,

        -- flags
        customer_mrr.is_awaiting_renewal,
        customer_mrr.is_captured and customer_mrr.unpriced_subscriptions = 0 as is_complete,

        -- dates
        customer_mrr.month_end
    from customer_mrr
    inner join customers on customer_mrr.customer_key = customers.customer_key
    left join accounts on customer_mrr.account_key = accounts.account_key

)

select * from monthly
