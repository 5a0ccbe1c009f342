-- Opportunities whose account is missing or was never captured: their segment is (unassigned).
select
    opportunities.source,
    count(*) as opportunity_count,
    {{ finding(
        'opportunities.source', "': '", 'count(*) filter (where opportunities.account_id is null)',
        "' opportunities without an account'",
        "coalesce(', such as ' || min(opportunities.opportunity_id)"
        ~ " filter (where opportunities.account_id is null), '')",
        "', '", 'count(*) filter (where opportunities.account_id is not null)',
        "' whose account was never captured'",
        "coalesce(', such as account ' || min(opportunities.account_id), '')",
        "'; their segment is (unassigned).'"
    ) }} as finding
from {{ ref('fct_opportunity_current') }} as opportunities
left join {{ ref('dim_account') }} as accounts
    on
        opportunities.source = accounts.source
        and opportunities.account_id = accounts.account_id
where
    accounts.account_id is null
    and opportunities.segment = '(unassigned)'
    and not opportunities.is_deleted
group by opportunities.source
