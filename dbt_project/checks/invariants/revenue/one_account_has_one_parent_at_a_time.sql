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
    account_key,
    valid_from,
    valid_to,
    previous_valid_to,
    next_valid_from
from parents
where
    valid_to <= valid_from
    or valid_from <> coalesce(previous_valid_to, {{ beginning_of_time() }})
    or valid_to <> coalesce(next_valid_from, {{ end_of_time() }})
