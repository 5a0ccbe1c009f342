-- Sources whose history does not last as many opportunity-days as the captured versions it is made
-- of.
with

sources as (

    select * from {{ ref('int_sources') }}

),

captured as (

    select
        versions.source,
        sum({{ dbt.datediff(
            'versions.valid_from', 'least(versions.valid_to, sources.last_captured_date)', 'day'
        ) }}) as opportunity_days
    from {{ ref('int_opportunity_states') }} as versions
    inner join sources on versions.source = sources.source
    where versions.existence = 'existing'
    group by versions.source

),

modelled as (

    select
        opportunities.source,
        sum({{ dbt.datediff(
            'spans.valid_from', 'least(spans.valid_to, sources.last_captured_date)', 'day'
        ) }}) as opportunity_days
    from {{ ref('int_opportunity_history') }} as spans
    inner join {{ ref('int_opportunities') }} as opportunities
        on spans.opportunity_key = opportunities.opportunity_key
    inner join sources on opportunities.source = sources.source
    group by opportunities.source

)

select
    captured.source,
    captured.opportunity_days as expected_opportunity_days,
    modelled.opportunity_days
from captured
left join modelled on captured.source = modelled.source
where coalesce(modelled.opportunity_days, -1) <> captured.opportunity_days
