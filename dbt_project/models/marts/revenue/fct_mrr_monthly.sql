-- One row per customer x month_end at which it pays. Rows only where MRR is above 0, or not known
-- (NULL).
with

account_parents as (

    select * from {{ ref('int_mrr_account_parents') }}

),

customer_mrr as (

    select * from {{ ref('int_mrr_by_customer') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

shared_parents as (

    select * from {{ ref('int_mrr_by_shared_parent') }}

),

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

),

customers as (

    select
        subscriptions.customer_key,
        subscriptions.source,
        subscriptions.customer_id,
        'customer:' || subscriptions.source || ':' || subscriptions.customer_id as parent_id
    from subscriptions
    group by subscriptions.customer_key, subscriptions.source, subscriptions.customer_id

),

parents as (

    select
        account_parents.parent_key,
        account_parents.parent_account_id,
        'account:' || account_parents.account_source || ':' || account_parents.parent_account_id
            as parent_id
    from account_parents
    group by
        account_parents.parent_key,
        account_parents.account_source,
        account_parents.parent_account_id

),

monthly as (

    select
        -- ids
        customers.source,
        customers.customer_id,
        accounts.account_source,
        accounts.account_id,
        parents.parent_account_id,
        coalesce(parents.parent_id, customers.parent_id) as parent_id,

        -- attributes
        customer_mrr.segment,
        coalesce(shared_parents.segment, customer_mrr.segment) as parent_segment,

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
    left join parents on customer_mrr.parent_key = parents.parent_key
    left join shared_parents
        on
            customer_mrr.parent_key = shared_parents.parent_key
            and customer_mrr.month_number = shared_parents.month_number

)

select * from monthly
