-- Subscriptions that count and whose price is not known: without an amount, or without an interval
-- that is a day, week, month or year.
select
    subscriptions.source,
    count(distinct subscriptions.subscription_key) as subscription_count,
    {{ finding(
        'subscriptions.source', "': '", 'count(distinct subscriptions.subscription_key)',
        "' subscriptions count without an amount or a billing interval that is a number of days, "
        ~ "weeks, months or years, such as '",
        'min(subscriptions.subscription_id)', "'; they are missing from MRR.'"
    ) }} as finding
from {{ ref('int_subscription_terms') }} as terms
inner join {{ ref('int_subscriptions') }} as subscriptions
    on terms.subscription_key = subscriptions.subscription_key
where
    terms.price is null
    or terms.intervals_in_twelve_months is null
    or terms.interval_count is null
group by subscriptions.source
