-- A hole between two versions during which the opportunity was neither deleted nor merged.
with

holes as (

    select
        opportunities.source,
        opportunities.opportunity_id,
        history.previous_valid_to as hole_from,
        history.valid_from as hole_to
    from {{ ref('int_opportunity_history') }} as history
    inner join {{ ref('int_opportunities') }} as opportunities
        on history.opportunity_key = opportunities.opportunity_key
    where history.previous_valid_to < history.valid_from

),

absences as (

    select * from {{ ref('int_opportunity_absences') }}

)

select
    holes.source,
    holes.opportunity_id,
    holes.hole_from,
    holes.hole_to
from holes
left join absences
    on
        holes.source = absences.source
        and holes.opportunity_id = absences.opportunity_id
        and holes.hole_from < absences.valid_to
        and holes.hole_to > absences.valid_from
group by holes.source, holes.opportunity_id, holes.hole_from, holes.hole_to
having
    coalesce(min(absences.valid_from), holes.hole_to) > holes.hole_from
    or coalesce(max(absences.valid_to), holes.hole_from) < holes.hole_to
