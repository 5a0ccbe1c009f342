-- One row per policy x subscription x time in which it counts at one price. Free ones are left out;
-- a price that is not known stays, as NULL.
with

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

policies as (

    select * from {{ ref('int_mrr_policy') }}

),

prices as (

    select * from {{ ref('int_subscription_prices') }}

),

breaks as (

    select * from {{ ref('int_subscription_breaks') }}

),

lives as (

    select
        subscriptions.subscription_key,
        subscriptions.customer_key,
        policies.policy_key,
        subscriptions.paid_from,
        case
            when policies.is_churn_at_cancellation then subscriptions.cancelled_date
            else subscriptions.ended_date
        end as paid_to,
        policies.counts_trials_of_payers,
        subscriptions.source,
        subscriptions.subscription_id
    from subscriptions
    cross join policies
    where subscriptions.paid_from is not null

),

{{ paid_spans(
    'breaks',
    keys=['policy_key', 'subscription_key'],
    same=['source', 'subscription_id'],
) }},

counting_prices as (

    {{ counting_prices('prices', 'policies') }}

),

priced as (

    select
        spans.policy_key,
        spans.subscription_key,
        spans.customer_key,
        counting_prices.account_key,
        counting_prices.currency_code,
        counting_prices.price,
        counting_prices.intervals_in_twelve_months,
        counting_prices.interval_count,
        greatest(spans.valid_from, counting_prices.valid_from) as valid_from,
        least(spans.valid_to, counting_prices.valid_to) as valid_to,
        spans.paid_from,
        spans.paid_to
    from spans
    inner join counting_prices
        on
            spans.policy_key = counting_prices.policy_key
            and spans.subscription_key = counting_prices.subscription_key
            and spans.valid_from < counting_prices.valid_to
            and spans.valid_to > counting_prices.valid_from
    where spans.valid_from < spans.valid_to

),

terms as (

    select
        -- ids
        priced.policy_key,
        priced.subscription_key,
        priced.customer_key,
        priced.account_key,

        -- attributes
        priced.currency_code,

        -- numerics
        priced.price,
        priced.intervals_in_twelve_months,
        priced.interval_count,

        -- flags
        priced.valid_from = priced.paid_from as is_start,
        priced.valid_to = priced.paid_to as is_end,

        -- dates
        priced.valid_from,
        priced.valid_to
    from priced

)

select * from terms
