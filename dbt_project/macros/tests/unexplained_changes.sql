{#-
    Sources, captured days, quarters and segments in which the level of the opportunities of
    `stage_category`, taken from the versions themselves, changes by something else than what the
    relation `movements` says, in money or in number.
-#}
{% macro unexplained_changes(stage_category, movements) -%}
with

spans as (

    select
        opportunities.source,
        sources.first_captured_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        spans.segment,
        spans.valid_from,
        spans.valid_to,
        count(*) as opportunities,
        sum(coalesce(spans.amount, 0)) as amount
    from {{ ref('int_opportunity_spans') }} as spans
    inner join {{ ref('int_opportunities') }} as opportunities
        on spans.opportunity_key = opportunities.opportunity_key
    inner join {{ ref('int_sources') }} as sources on opportunities.source = sources.source
    left join {{ ref('int_fiscal_days') }} as fiscal_days
        on spans.close_date = fiscal_days.date_day
    where spans.stage_category = '{{ stage_category }}'
    group by
        opportunities.source,
        sources.first_captured_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)'),
        spans.segment,
        spans.valid_from,
        spans.valid_to

),

-- What the level of a cell changes by on a day, from the versions themselves. The first captured
-- day is the opening: any movement on it is one too many.
changes as (

    select
        spans.source,
        spans.fiscal_quarter,
        spans.segment,
        spans.valid_from as snapshot_date,
        spans.opportunities,
        spans.amount
    from spans
    where spans.valid_from > spans.first_captured_date
    union all
    select
        spans.source,
        spans.fiscal_quarter,
        spans.segment,
        spans.valid_to as snapshot_date,
        -spans.opportunities as opportunities,
        -spans.amount as amount
    from spans
    where spans.valid_to < {{ end_of_time() }}
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
