-- Accounts with two parents at once, or with none for some time.
with

parents as (

    select
        account_key,
        valid_from,
        valid_to,
        lag(valid_to) over earlier as previous_valid_to,
        lead(valid_from) over earlier as next_valid_from
    from {{ ref('int_mrr_account_parents') }}
    window earlier as (partition by account_key order by valid_from nulls last)

)

select
    accounts.account_source as source,
    accounts.account_id,
    parents.valid_from,
    parents.valid_to,
    parents.previous_valid_to,
    parents.next_valid_from
from parents
inner join {{ ref('int_mrr_accounts') }} as accounts
    on parents.account_key = accounts.account_key
where
    parents.valid_to <= parents.valid_from
    or parents.valid_from <> coalesce(parents.previous_valid_to, {{ beginning_of_time() }})
    or parents.valid_to <> coalesce(parents.next_valid_from, {{ end_of_time() }})
