-- Opportunities whose owner was never captured, in sources whose users are.
select
    opportunities.source,
    count(*) as opportunity_count,
    {{ finding(
        'opportunities.source', "': the owners of '", 'count(*)',
        "' opportunities were never captured, such as '", 'min(opportunities.owner_id)'
    ) }} as finding
from {{ ref('fct_opportunity_current') }} as opportunities
left join {{ ref('dim_owner') }} as owners
    on opportunities.source = owners.source and opportunities.owner_id = owners.owner_id
where
    owners.owner_id is null
    and opportunities.owner_id is not null
    and opportunities.source in (select dim_owner.source from {{ ref('dim_owner') }} as dim_owner)
group by opportunities.source
