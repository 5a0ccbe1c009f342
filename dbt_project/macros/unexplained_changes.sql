{#-
    Sources, captured days, quarters and segments in which the level of the opportunities of a category, taken from the
    versions themselves, changes by something else than what `movements` says, in money or in number.
-#}
{% macro unexplained_changes(stage_category, movements) -%}
with

spans as (

    select
        opportunities.source,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        spans.segment,
        spans.valid_from,
        spans.valid_to,
        count(*) as opportunities,
        sum(coalesce(spans.amount, 0)) as amount
    from {{ ref('int_opportunity_spans') }} as spans
    inner join {{ ref('int_opportunities') }} as opportunities
        on spans.opportunity_key = opportunities.opportunity_key
    left join {{ ref('int_fiscal_days') }} as fiscal_days
        on spans.close_date = fiscal_days.date_day
    where spans.stage_category = '{{ stage_category }}'
    group by
        opportunities.source,
        coalesce(fiscal_days.fiscal_quarter, '(none)'),
        spans.segment,
        spans.valid_from,
        spans.valid_to

),

sources as (

    select * from {{ ref('int_sources') }}

),

-- What the level of a cell changes by on a day, from the versions themselves.
changes as (

    select
        spans.source,
        spans.fiscal_quarter,
        spans.segment,
        spans.valid_from as snapshot_date,
        spans.opportunities,
        spans.amount
    from spans
    union all
    select
        spans.source,
        spans.fiscal_quarter,
        spans.segment,
        spans.valid_to as snapshot_date,
        -spans.opportunities as opportunities,
        -spans.amount as amount
    from spans
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
inner join sources on changes.source = sources.source
where
    changes.snapshot_date > sources.first_captured_date
    and changes.snapshot_date < {{ end_of_time() }}
group by changes.source, changes.fiscal_quarter, changes.segment, changes.snapshot_date
having sum(changes.opportunities) <> 0 or sum(changes.amount) <> 0
{%- endmacro %}
