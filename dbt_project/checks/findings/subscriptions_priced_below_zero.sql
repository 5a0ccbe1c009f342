-- Subscriptions whose price is below 0: they take away from their customer's MRR.
select
    subscriptions.source,
    count(distinct subscriptions.subscription_key) as subscription_count,
    {{ finding(
        'subscriptions.source', "': '", 'count(distinct subscriptions.subscription_key)',
        "' subscriptions have a price below 0, such as '", 'min(subscriptions.subscription_id)',
        "'; they take away from the MRR of their customers.'"
    ) }} as finding
from {{ ref('int_subscription_terms') }} as terms
inner join {{ ref('int_subscriptions') }} as subscriptions
    on terms.subscription_key = subscriptions.subscription_key
where terms.price < 0
group by subscriptions.source
