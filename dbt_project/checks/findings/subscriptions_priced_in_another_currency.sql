-- Subscriptions of Stripe with a price that is known in another currency only: their amount is not
-- known.
{{ config(enabled='stripe' in configured_types()) }}

select
    source,
    currency_code,
    unknown_prices,
    {{ finding(
        'source', "': '", 'count(distinct subscription_id)', "' subscriptions in '",
        'currency_code', "', such as '", 'min(subscription_id)', "', have the price '",
        'unknown_prices', "', whose amount in '", 'currency_code', "' is not captured; what they "
        ~ "cost is unknown in '", 'count(*)', "' versions since '", 'min(valid_from)', "', '",
        "count(*) filter (where valid_to = " ~ end_of_time() ~ ")",
        "' of them current. Give the price this currency in Stripe; past versions stay unknown.'"
    ) }} as finding
from {{ ref('stg_stripe__subscription') }}
where unknown_prices is not null
group by source, currency_code, unknown_prices
