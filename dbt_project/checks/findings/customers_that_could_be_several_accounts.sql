-- Customers that match several accounts equally well by ids: the one with the lowest source and id
-- counts.
select
    source,
    count(distinct customer_id) as customer_count,
    {{ finding(
        'source', "': '", 'count(distinct customer_id)',
        "' customers could be several accounts, such as '",
        'min(customer_id)', "'; the one with the lowest source and id counts.'"
    ) }} as finding
from {{ ref('int_customer_accounts') }}
where known_to = {{ end_of_time() }} and candidate_count > 1 and match_method <> 'ambiguous_domain'
group by source
