-- Rows of slippage whose six ends do not add up to what was due, in counts or in money, and anchors
-- on which the segments, or the forecast categories, do not add up to `(all)`.
{%- set measures = ['due', 'won', 'slipped', 'overdue', 'pulled_in', 'created_and_won'] %}
with

slippage as (

    select * from {{ ref('rpt_slippage') }}

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    'six ends' as problem,
    slippage.fiscal_quarter,
    slippage.anchor_date
from slippage
where
    slippage.due <> slippage.won + slippage.won_elsewhere + slippage.lost + slippage.slipped
    + slippage.overdue + slippage.gone
    or slippage.due_amount <> slippage.won_amount + slippage.won_elsewhere_amount
    + slippage.lost_amount + slippage.slipped_amount + slippage.overdue_amount
    + slippage.gone_amount
    or slippage.slip_count_rate not between 0 and 1
    or slippage.later_won_rate not between 0 and 1
{%- for parts, kept in [('segment', 'forecast_category'), ('forecast_category', 'segment')] %}
    union all
    select
        {{ sole_source(ref('int_sources')) }} as source,
        '{{ parts }}' as problem,
        slippage.fiscal_quarter,
        slippage.anchor_date
    from slippage
    group by slippage.fiscal_quarter, slippage.anchor_date, slippage.{{ kept }}
    having
        {%- for measure in measures %}
            sum(
                case when slippage.{{ parts }} = '(all)' then -1 else 1 end * slippage.{{ measure }}
            ) <> 0
            or sum(
                case when slippage.{{ parts }} = '(all)' then -1 else 1 end
                * slippage.{{ measure }}_amount
            ) <> 0
            {%- if not loop.last %} or{% endif %}
        {%- endfor %}
{%- endfor %}
