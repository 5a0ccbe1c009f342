-- One row per subscription of Stripe x version, tombstones included.
with

renamed as (

    {{ vendor_rows('stripe', 'subscription', 'subscription') }}

),

-- DuckDB's lambdas of two parameters are beyond sqruff's parser.
priced as (

    {{ stripe_priced('renamed') }} -- noqa

),

judged as (

    select
        priced.*,
        priced.pause_behavior is not null or coalesce(priced.status, '') = 'paused' as is_paused
    from priced

),

-- Stripe does not tell since when collection is paused, nor that it was: versions do.
paused as (

    select
        judged.*,
        lag(judged.is_paused, 1, false) over earlier as was_paused
    from judged
    window earlier as (
        partition by judged.source, judged.subscription_id
        order by judged.valid_from nulls last
    )

),

measured as (

    select
        -- ids
        paused.source,
        paused.subscription_id,
        paused.customer_id,
        coalesce(
            paused.account_id,
            paused.salesforce_account_id,
            paused.hubspot_company_id,
            paused.customer_account_id
        ) as account_id,

        -- attributes
        paused.status,
        paused.first_interval as interval,
        upper(paused.currency_code) as currency_code,
        paused.prices_in_other_currencies as unknown_prices,

        -- numerics
        {{ stripe_money('paused.total_amount', 'paused.currency_code') }} as amount,
        {{ stripe_money('paused.total_list_amount', 'paused.currency_code') }} as list_amount,
        paused.first_interval_count as interval_count,
        paused.total_quantity as quantity,

        -- dates and timestamps
        paused.started_at,
        paused.ended_at,
        paused.cancelled_at,
        paused.trial_start_at,
        paused.trial_end_at,
        coalesce(
            paused.paused_from,
            max(
                case when paused.is_paused and not paused.was_paused then paused.valid_from end
            ) over earlier
        ) as paused_from,
        coalesce(
            paused.paused_to,
            case
                when paused.is_paused then {{ business_date('paused.resumes_at') }}
                else
                    max(
                        case
                            when paused.was_paused and not paused.is_paused then paused.valid_from
                        end
                    ) over earlier
            end
        ) as paused_to,

        -- the version
        paused.valid_from,
        paused.valid_to,
        paused._pl_change,
        paused._pl_origin
    from paused
    window earlier as (
        partition by paused.source, paused.subscription_id
        order by paused.valid_from nulls last
    )

),

subscriptions as (

    select
        source,
        subscription_id,
        customer_id,
        account_id,
        status,
        started_at,
        ended_at,
        cancelled_at,
        trial_start_at,
        trial_end_at,
        paused_from,
        paused_to,
        amount,
        list_amount,
        interval,
        interval_count,
        quantity,
        currency_code,
        unknown_prices,
        valid_from,
        valid_to,
        _pl_change,
        _pl_origin
    from measured

)

select * from subscriptions
