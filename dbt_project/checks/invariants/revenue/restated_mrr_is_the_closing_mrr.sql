-- Quarters and segments of which rpt_restatements ends with another MRR than retention has.
with

restatements as (

    select * from {{ ref('rpt_restatements') }}
    where metric = 'mrr' and is_latest

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
        retention.segment,
        retention.closing_mrr,
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
    restatements.restated_amount
from restatements
left join closing
    on
        restatements.fiscal_quarter = closing.fiscal_quarter
        and restatements.segment = closing.segment
        and closing.recency = 1
where restatements.restated_amount <> coalesce(closing.closing_mrr, 0)
