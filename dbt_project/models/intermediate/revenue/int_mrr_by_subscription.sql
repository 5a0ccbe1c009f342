-- One row per subscription x month at whose end it counts: its MRR, and what that would be at the
-- rate in force a month later.
with

months as (

    select * from {{ ref('int_mrr_months') }}

),

policies as (

    select * from {{ ref('int_mrr_policy') }}

),

rates as (

    select * from {{ ref('int_mrr_fx_rates') }}

),

billed_terms as (

    select * from {{ ref('int_subscription_terms') }}

),

late_renewals as (

    select * from {{ ref('int_subscription_late_renewals') }}

),

terms as (

    select
        policy_key,
        subscription_key,
        customer_key,
        account_key,
        currency_code,
        price,
        intervals_in_twelve_months,
        interval_count,
        false as is_awaiting_renewal,
        valid_from,
        valid_to
    from billed_terms
    union all
    select
        policy_key,
        subscription_key,
        customer_key,
        account_key,
        currency_code,
        price,
        intervals_in_twelve_months,
        interval_count,
        true as is_awaiting_renewal,
        valid_from,
        valid_to
    from late_renewals

),

-- What begins in a month counts at its end, what ends in it does not.
counted as (

    select
        terms.subscription_key,
        terms.customer_key,
        terms.account_key,
        terms.currency_code,
        terms.price,
        terms.intervals_in_twelve_months,
        terms.interval_count,
        terms.is_awaiting_renewal,
        greatest(
            {{ month_number('terms.valid_from') }}, {{ month_number('policies.valid_from') }}
        ) as from_month,
        least(
            {{ month_number('terms.valid_to') }}, {{ month_number('policies.valid_to') }}
        ) as to_month
    from terms
    inner join policies on terms.policy_key = policies.policy_key

),

-- Converted once for each rate that a price meets.
valued as (

    select
        counted.subscription_key,
        counted.customer_key,
        counted.account_key,
        counted.is_awaiting_renewal,
        {{ monthly_amount(
            'counted.price',
            'rates.rate_to_base',
            'counted.intervals_in_twelve_months',
            '(12 * cast(counted.interval_count as bigint))'
        ) }} as mrr_amount,
        {{ monthly_amount(
            'counted.price',
            'rates.next_rate_to_base',
            'counted.intervals_in_twelve_months',
            '(12 * cast(counted.interval_count as bigint))'
        ) }} as next_rate_mrr_amount,
        greatest(
            counted.from_month, coalesce(rates.from_month, counted.from_month)
        ) as from_month,
        least(counted.to_month, coalesce(rates.to_month, counted.to_month)) as to_month,
        rates.to_month as rate_to_month
    from counted
    left join rates
        on
            counted.currency_code = rates.currency_code
            and counted.from_month < rates.to_month
            and counted.to_month > rates.from_month
    where counted.from_month < counted.to_month

),

monthly as (

    select
        valued.subscription_key,
        valued.customer_key,
        valued.account_key,
        months.month_number,
        valued.is_awaiting_renewal,
        valued.mrr_amount,
        case
            when months.month_number + 1 = valued.rate_to_month then valued.next_rate_mrr_amount
            else valued.mrr_amount
        end as next_rate_mrr_amount
    from valued
    inner join months
        on
            valued.from_month <= months.month_number
            and valued.to_month > months.month_number

)

select * from monthly
