-- Opportunities whose account or owner is a list of ids: nobody says which of them counts.
select
    opportunities.source,
    count(*) as opportunity_count,
    {{ finding(
        'opportunities.source', "': '", 'count(*)',
        "' opportunities have several accounts or owners in one column, such as '",
        "min(case when opportunities.account_id like '%;%' "
        ~ "then opportunities.account_id else opportunities.owner_id end)",
        "'; none of them counts. Export the first alone, or map another column.'"
    ) }} as finding
from {{ ref('fct_opportunity_current') }} as opportunities
where
    not opportunities.is_deleted
    and (opportunities.account_id like '%;%' or opportunities.owner_id like '%;%')
group by opportunities.source
