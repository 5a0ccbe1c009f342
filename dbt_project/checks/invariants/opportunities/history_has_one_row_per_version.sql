-- Sources with versions that have no row in the history, or several (the sum of keys tells which of
-- them is missing).
with

spans as (

    select
        opportunities.source,
        count(*) as version_count
    from {{ ref('int_opportunity_history') }} as spans
    inner join {{ ref('int_opportunities') }} as opportunities
        on spans.opportunity_key = opportunities.opportunity_key
    group by opportunities.source

),

history as (

    select
        versions.source,
        count(*) as version_count
    from {{ ref('fct_opportunity_history') }} as versions
    group by versions.source

)

select
    coalesce(spans.source, history.source) as source,
    spans.version_count as expected_count,
    history.version_count
from spans
full join history on spans.source = history.source
where coalesce(spans.version_count, 0) <> coalesce(history.version_count, 0)
