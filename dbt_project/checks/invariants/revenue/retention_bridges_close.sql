-- Rows whose opening MRR and movements do not add up to closing MRR, or whose opening is not the
-- closing of the month before.
with

report as (

    select * from {{ ref('rpt_revenue_retention') }}

),

compared as (

    select
        report.*,
        lag(report.closing_mrr) over earlier as previous_closing_mrr,
        lag(report.closing_customers) over earlier as previous_closing_customers
    from report
    window earlier as (
        partition by report.level, report.segment
        order by report.month_end nulls last
    )

)

select
    {{ sole_source(ref('int_subscriptions')) }} as source,
    level,
    segment,
    month_end,
    opening_mrr,
    previous_closing_mrr,
    closing_mrr
from compared
where
    closing_mrr <> opening_mrr + new_mrr + expansion_mrr + contraction_mrr + churned_mrr
    + reactivated_mrr + fx_mrr + segment_in_mrr + segment_out_mrr
    or opening_mrr <> coalesce(previous_closing_mrr, 0)
    or opening_customers <> coalesce(previous_closing_customers, 0)
