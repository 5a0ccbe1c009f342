-- Months in which the segments together differ from `(all)`, or in which somebody went to another
-- segment and did not arrive.
with

report as (

    select * from {{ ref('rpt_revenue_retention') }}

),

sums as (

    select
        report.level,
        report.month_end,
        case when report.segment = '(all)' then 'all' else 'segments' end as side,
        sum(report.opening_mrr) as opening_mrr,
        sum(report.new_mrr) as new_mrr,
        sum(report.expansion_mrr) as expansion_mrr,
        sum(report.contraction_mrr) as contraction_mrr,
        sum(report.churned_mrr) as churned_mrr,
        sum(report.reactivated_mrr) as reactivated_mrr,
        sum(report.fx_mrr) as fx_mrr,
        sum(report.segment_in_mrr) + sum(report.segment_out_mrr) as transferred_mrr,
        sum(report.closing_mrr) as closing_mrr,
        sum(report.closing_customers) as closing_customers,
        sum(report.cohort_mrr) as cohort_mrr,
        sum(report.cohort_retained_mrr) as cohort_retained_mrr,
        sum(report.cohort_gross_retained_mrr) as cohort_gross_retained_mrr,
        sum(report.cohort_customers) as cohort_customers,
        sum(report.churned_customers) as churned_customers
    from report
    group by
        report.level,
        report.month_end,
        case when report.segment = '(all)' then 'all' else 'segments' end

)

select
    segments.level,
    segments.month_end
from sums as segments
inner join sums as everybody
    on segments.level = everybody.level and segments.month_end = everybody.month_end
where
    segments.side = 'segments'
    and everybody.side = 'all'
    and (
        segments.opening_mrr <> everybody.opening_mrr
        or segments.new_mrr <> everybody.new_mrr
        or segments.expansion_mrr <> everybody.expansion_mrr
        or segments.contraction_mrr <> everybody.contraction_mrr
        or segments.churned_mrr <> everybody.churned_mrr
        or segments.reactivated_mrr <> everybody.reactivated_mrr
        or segments.fx_mrr <> everybody.fx_mrr
        or segments.transferred_mrr <> 0
        or segments.closing_mrr <> everybody.closing_mrr
        or segments.closing_customers <> everybody.closing_customers
        or segments.cohort_mrr <> everybody.cohort_mrr
        or segments.cohort_retained_mrr <> everybody.cohort_retained_mrr
        or segments.cohort_gross_retained_mrr <> everybody.cohort_gross_retained_mrr
        or segments.cohort_customers <> everybody.cohort_customers
        or segments.churned_customers <> everybody.churned_customers
    )
