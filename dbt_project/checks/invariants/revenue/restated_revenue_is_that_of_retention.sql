-- Quarters and segments of which rpt_restatements ends with another MRR or another retention than
-- rpt_revenue_retention has.
with

restatements as (

    select * from {{ ref('rpt_restatements') }}
    where is_latest and metric in ('mrr', 'cohort_mrr', 'nrr', 'grr')

),

fiscal_quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

retention as (

    select * from {{ ref('rpt_revenue_retention') }}
    where level = 'customer'

),

closing as (

    select
        fiscal_quarters.fiscal_quarter,
        retention.*,
        row_number() over (
            partition by fiscal_quarters.fiscal_quarter, retention.segment
            order by retention.month_end desc
        ) as recency
    from retention
    inner join fiscal_quarters
        on retention.month_end between fiscal_quarters.start_date and fiscal_quarters.end_date

)

select
    {{ sole_source(ref('int_subscriptions')) }} as source,
    restatements.fiscal_quarter,
    restatements.segment,
    restatements.metric,
    restatements.restated_amount
from restatements
left join closing
    on
        restatements.fiscal_quarter = closing.fiscal_quarter
        and restatements.segment = closing.segment
        and closing.recency = 1
where
    restatements.restated_amount <> coalesce(
        case restatements.metric
            when 'mrr' then closing.closing_mrr
            when 'cohort_mrr' then closing.cohort_mrr
            when 'nrr' then closing.cohort_retained_mrr
            when 'grr' then closing.cohort_gross_retained_mrr
        end,
        0
    )
