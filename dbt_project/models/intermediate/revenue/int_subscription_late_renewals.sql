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

beginnings as (

    select
        graced.policy_key,
        graced.customer_key,
        graced.renewal_grace_days,
        graced.valid_from,
        max(graced.valid_to) as valid_to,
        max(case when graced.is_start then 1 else 0 end) = 1 as is_start
    from graced
    where coalesce(graced.price, 1) > 0
    group by
        graced.policy_key, graced.customer_key, graced.renewal_grace_days, graced.valid_from

),

compared as (

    select
        beginnings.*,
        max(beginnings.valid_to) over (
            partition by beginnings.policy_key, beginnings.customer_key
            order by beginnings.valid_from nulls last
            rows between unbounded preceding and 1 preceding
        ) as paid_until
    from beginnings

),

gaps as (

    select
        compared.policy_key,
        compared.customer_key,
        compared.paid_until as valid_from,
        compared.valid_from as valid_to
    from compared
    where
        compared.is_start
        and compared.paid_until < compared.valid_from
        and {{ dbt.datediff('compared.paid_until', 'compared.valid_from', 'day') }}
        <= compared.renewal_grace_days

),

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
        gaps.valid_from,
        gaps.valid_to
    from graced
    inner join gaps
        on
            graced.policy_key = gaps.policy_key
            and graced.customer_key = gaps.customer_key
            and graced.valid_to = gaps.valid_from
    where graced.is_end

)

select * from renewed
