{#-
    Sources, captured days, quarters and segments in which the level of the opportunities of
    `stage_category`, taken from the versions themselves, changes by something else than what the
    relation `movements` says, in money or in number.
-#}
{% macro unexplained_changes(stage_category, movements) -%}
with

history as (

    select
        opportunities.source,
        sources.first_captured_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        history.segment,
        history.valid_from,
        history.valid_to,
        count(*) as opportunities,
        sum(coalesce(history.amount, 0)) as amount
    from {{ ref('int_opportunity_history') }} as history
    inner join {{ ref('int_opportunities') }} as opportunities
        on history.opportunity_key = opportunities.opportunity_key
    inner join {{ ref('int_sources') }} as sources on opportunities.source = sources.source
    left join {{ ref('int_fiscal_days') }} as fiscal_days
        on history.close_date = fiscal_days.date_day
    where history.stage_category = '{{ stage_category }}'
    group by
        opportunities.source,
        sources.first_captured_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)'),
        history.segment,
        history.valid_from,
        history.valid_to

),

-- What the level of a cell changes by on a day, from the versions themselves. The first captured
-- day is the opening: any movement on it is one too many.
changes as (

    select
        history.source,
        history.fiscal_quarter,
        history.segment,
        history.valid_from as snapshot_date,
        history.opportunities,
        history.amount
    from history
    where history.valid_from > history.first_captured_date
    union all
    select
        history.source,
        history.fiscal_quarter,
        history.segment,
        history.valid_to as snapshot_date,
        -history.opportunities as opportunities,
        -history.amount as amount
    from history
    where history.valid_to < {{ end_of_time() }}
    union all
    select
        movements.source,
        movements.fiscal_quarter,
        movements.segment,
        movements.snapshot_date,
        -movements.opportunity_delta as opportunities,
        -movements.amount as amount
    from {{ movements }} as movements

)

select
    changes.source,
    changes.fiscal_quarter,
    changes.segment,
    changes.snapshot_date,
    sum(changes.opportunities) as unexplained_opportunities,
    sum(changes.amount) as unexplained_amount
from changes
group by changes.source, changes.fiscal_quarter, changes.segment, changes.snapshot_date
having sum(changes.opportunities) <> 0 or sum(changes.amount) <> 0
{%- endmacro %}
