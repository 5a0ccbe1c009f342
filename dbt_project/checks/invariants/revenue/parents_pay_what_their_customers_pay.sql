-- Months in which all parents together do not pay what all customers do.
select
    {{ sole_source(ref('int_subscriptions')) }} as source,
    customers.month_end,
    customers.closing_mrr as customers_mrr,
    parents.closing_mrr as parents_mrr
from {{ ref('rpt_revenue_retention') }} as customers
left join {{ ref('rpt_revenue_retention') }} as parents
    on
        customers.month_end = parents.month_end
        and customers.segment = parents.segment
        and parents.level = 'parent'
where
    customers.level = 'customer'
    and customers.segment = '(all)'
    and coalesce(parents.closing_mrr <> customers.closing_mrr, true)
