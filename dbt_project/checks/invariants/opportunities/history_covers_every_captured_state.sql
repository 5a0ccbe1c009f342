-- Sources whose history does not last as many opportunity-days as the captured states it is made
-- of.
with

sources as (

    select * from {{ ref('int_sources') }}

),

captured as (

    select
        states.source,
        sum({{ dbt.datediff(
            'states.valid_from', 'least(states.valid_to, sources.last_captured_date)', 'day'
        ) }}) as opportunity_days
    from {{ ref('int_opportunity_states') }} as states
    inner join sources on states.source = sources.source
    where states.existence = 'existing'
    group by states.source

),

modelled as (

    select
        opportunities.source,
        sum({{ dbt.datediff(
            'history.valid_from', 'least(history.valid_to, sources.last_captured_date)', 'day'
        ) }}) as opportunity_days
    from {{ ref('int_opportunity_history') }} as history
    inner join {{ ref('int_opportunities') }} as opportunities
        on history.opportunity_key = opportunities.opportunity_key
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
