-- One row per policy x subscription that a late renewal keeps alive x time until that renewal: the
-- customer is taken to pay its last price meanwhile.
with

terms as (

    select * from {{ ref('int_subscription_terms') }}

),

policies as (

    select * from {{ ref('int_mrr_policy') }}
    where renewal_grace_days > 0

),

graced as (

    select
        terms.*,
        policies.renewal_grace_days
    from terms
    inner join policies on terms.policy_key = policies.policy_key

),

{{ renewal_gaps('graced', ['policy_key', 'customer_key']) }},

-- What ended at the beginning of the gap; what was merely paused then is not renewed.
renewed as (

    select
        -- ids
        graced.policy_key,
        graced.subscription_key,
        graced.customer_key,
        graced.account_key,

        -- attributes
        graced.currency_code,

        -- numerics
        graced.price,
        graced.intervals_in_twelve_months,
        graced.interval_count,

        -- dates
        renewal_gaps.valid_from,
        renewal_gaps.valid_to
    from graced
    inner join renewal_gaps
        on
            graced.policy_key = renewal_gaps.policy_key
            and graced.customer_key = renewal_gaps.customer_key
            and graced.valid_to = renewal_gaps.valid_from
    where graced.is_end

)

select * from renewed
