-- Win rates that are no shares, and quarters in which a dimension or the segments do not add up to
-- `(all)`.
{%- set measures = [
    'won', 'lost', 'gone', 'still_open', 'won_amount', 'lost_amount', 'lost_dated_ahead',
    'reported_won', 'reported_lost', 'reported_gone', 'reported_still_open',
    'reported_won_amount', 'reported_lost_amount',
] %}
with

rates as (

    select * from {{ ref('rpt_win_rate') }}

),

dimensions as (

    select
        {%- for measure in measures %}
            sum(coalesce(rates.{{ measure }}, 0)) as {{ measure }},
        {%- endfor %}
        rates.fiscal_quarter,
        rates.segment,
        rates.dimension
    from rates
    where rates.dimension not in ('(all)', 'loss_reason')
    group by rates.fiscal_quarter, rates.segment, rates.dimension

),

segments as (

    select
        {%- for measure in measures %}
            sum(coalesce(rates.{{ measure }}, 0)) as {{ measure }},
        {%- endfor %}
        rates.fiscal_quarter,
        rates.dimension_value,
        rates.dimension
    from rates
    where rates.segment <> '(all)'
    group by rates.fiscal_quarter, rates.dimension_value, rates.dimension

),

reasons as (

    select
        rates.fiscal_quarter,
        rates.segment,
        sum(rates.lost) as lost
    from rates
    where rates.dimension = 'loss_reason'
    group by rates.fiscal_quarter, rates.segment

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    'dimension' as problem,
    rates.fiscal_quarter,
    rates.segment,
    dimensions.dimension
from rates
inner join dimensions
    on
        rates.fiscal_quarter = dimensions.fiscal_quarter
        and rates.segment = dimensions.segment
where
    rates.dimension = '(all)'
    and (
        {%- for measure in measures %}
            coalesce(rates.{{ measure }}, 0) <> dimensions.{{ measure }}
            {%- if not loop.last %} or{% endif %}
        {%- endfor %}
    )
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'segments' as problem,
    rates.fiscal_quarter,
    rates.segment,
    rates.dimension
from rates
inner join segments
    on
        rates.fiscal_quarter = segments.fiscal_quarter
        and rates.dimension = segments.dimension
        and rates.dimension_value = segments.dimension_value
where
    rates.segment = '(all)'
    and (
        {%- for measure in measures %}
            coalesce(rates.{{ measure }}, 0) <> segments.{{ measure }}
            {%- if not loop.last %} or{% endif %}
        {%- endfor %}
    )
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'reasons' as problem,
    rates.fiscal_quarter,
    rates.segment,
    rates.dimension
from rates
left join reasons
    on
        rates.fiscal_quarter = reasons.fiscal_quarter
        and rates.segment = reasons.segment
where rates.dimension = '(all)' and rates.lost <> coalesce(reasons.lost, 0)
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'rate' as problem,
    rates.fiscal_quarter,
    rates.segment,
    rates.dimension
from rates
where
    rates.win_rate not between rates.rate_low - 1e-9 and rates.rate_high + 1e-9
    or rates.rate_low < 0
    or rates.rate_high > 1
    or rates.rate_if_undecided_lost not between 0 and rates.win_rate
    or rates.reported_win_rate not between 0 and 1
