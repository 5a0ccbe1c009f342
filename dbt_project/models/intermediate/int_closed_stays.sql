-- One row per opportunity x valid_from of a closed state in a foreign currency: since when it has been closed.
-- Narrow, and only of those opportunities that ever had a foreign currency: no other amount depends on it.
with

states as (

    select * from {{ ref('int_opportunity_states') }}

),

foreign_opportunities as (

    select
        states.source,
        states.opportunity_id
    from states
    where states.currency_code <> '{{ var("base_currency") }}'
    group by states.source, states.opportunity_id

),

compared as (

    select
        states.source,
        states.opportunity_id,
        states.valid_from,
        states.stage_category in ('won', 'lost') as is_closed,
        lag(states.stage_category) over (
            partition by states.source, states.opportunity_id
            order by states.valid_from nulls last
        ) in ('won', 'lost')
        and lag(states.valid_to) over (
            partition by states.source, states.opportunity_id
            order by states.valid_from nulls last
        ) = states.valid_from as was_closed
    from states
    inner join foreign_opportunities
        on
            states.source = foreign_opportunities.source
            and states.opportunity_id = foreign_opportunities.opportunity_id

),

stays as (

    select
        compared.source,
        compared.opportunity_id,
        compared.valid_from,
        compared.is_closed,
        max(
            case
                when compared.is_closed and not coalesce(compared.was_closed, false)
                    then compared.valid_from
            end
        ) over (
            partition by compared.source, compared.opportunity_id
            order by compared.valid_from nulls last
            rows between unbounded preceding and current row
        ) as closed_from
    from compared

)

select
    stays.source,
    stays.opportunity_id,
    stays.valid_from,
    stays.closed_from
from stays
where stays.is_closed
