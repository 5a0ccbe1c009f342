-- One row per account that a customer is or was taken for, with a number that stands for it within
-- one build.
with

customer_accounts as (

    select * from {{ ref('int_customer_accounts') }}
    where account_id is not null

),

accounts as (

    select
        customer_accounts.account_source,
        customer_accounts.account_id
    from customer_accounts
    group by customer_accounts.account_source, customer_accounts.account_id

),

numbered as (

    select
        cast(row_number() over (
            order by accounts.account_source nulls last, accounts.account_id nulls last
        ) as integer) as account_key,
        accounts.account_source,
        accounts.account_id
    from accounts

)

select * from numbered
