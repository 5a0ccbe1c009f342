-- Circles of parent accounts, and hierarchies of 40 levels or more, which look alike: the lowest id
-- in it is taken for the parent of all.
select
    accounts.account_source,
    count(distinct accounts.account_id) as account_count,
    {{ finding(
        'accounts.account_source', "': the parents of '", 'count(distinct accounts.account_id)',
        "' accounts of customers go in a circle, such as those of '", 'min(accounts.account_id)',
        "'; the lowest id in it counts as the parent of all.'"
    ) }} as finding
from {{ ref('int_mrr_account_parents') }} as parents
inner join {{ ref('int_mrr_accounts') }} as accounts
    on parents.account_key = accounts.account_key
where parents.is_circle
group by accounts.account_source
