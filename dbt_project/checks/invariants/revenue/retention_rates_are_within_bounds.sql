-- Rates of retention below 0, shares above 1, and gross retention above net retention.
select
    {{ sole_source(ref('int_subscriptions')) }} as source,
    level,
    segment,
    month_end,
    nrr,
    grr,
    logo_churn_rate,
    quick_ratio
from {{ ref('rpt_revenue_retention') }}
where
    nrr < 0
    or grr < 0
    or grr > 1
    or grr > nrr
    or logo_churn_rate < 0
    or logo_churn_rate > 1
    or quick_ratio < 0
    or contraction_mrr > 0
    or churned_mrr > 0
    or segment_out_mrr > 0
