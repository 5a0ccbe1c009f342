-- Customers listed without MRR though all of their prices are known, or without a subscription.
select
    source,
    customer_id,
    month_end,
    mrr_amount,
    subscriptions,
    unpriced_subscriptions
from {{ ref('fct_mrr_monthly') }}
where
    mrr_amount <= 0
    or (mrr_amount is null and unpriced_subscriptions = 0)
    or subscriptions < 1
    or unpriced_subscriptions > subscriptions
