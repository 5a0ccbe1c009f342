-- Months in which somebody went to another segment and did not arrive.
select
    {{ sole_source(ref('int_subscriptions')) }} as source,
    level,
    month_end
from {{ ref('rpt_revenue_retention') }}
group by level, month_end
having sum(segment_in_mrr) + sum(segment_out_mrr) <> 0
