-- Customers that pay and are no known account: their segment is (unassigned), and they have no
-- parent.
select
    source,
    count(distinct customer_id) as customer_count,
    {{ finding(
        'source', "': '", 'count(distinct customer_id)',
        "' customers pay and are no known account, such as '",
        'min(customer_id)', "'; their segment is (unassigned). See match_method in dim_customer.'"
    ) }} as finding
from {{ ref('fct_mrr_monthly') }}
where account_id is null
group by source
