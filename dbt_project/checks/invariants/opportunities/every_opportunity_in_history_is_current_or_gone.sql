-- Opportunities of the history that fct_opportunity_current lacks, or current ones that it calls
-- deleted.
with

versions as (

    select
        opportunity_key,
        max(valid_to) = {{ end_of_time() }} as is_current
    from {{ ref('int_opportunity_history') }}
    group by opportunity_key

)

select
    opportunities.source,
    opportunities.opportunity_id,
    versions.is_current,
    latest.is_deleted
from versions
inner join {{ ref('int_opportunities') }} as opportunities
    on versions.opportunity_key = opportunities.opportunity_key
left join {{ ref('fct_opportunity_current') }} as latest
    on
        opportunities.source = latest.source
        and opportunities.opportunity_id = latest.opportunity_id
where coalesce(latest.is_deleted = versions.is_current, true)
