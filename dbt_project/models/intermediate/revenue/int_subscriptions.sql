-- One row per subscription: its lifetime by its latest version, with numbers that stand for it and
-- for its customer within one build. Lower numbers, lower ids.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

breaks as (

    select * from {{ ref('int_subscription_breaks') }}

),

ranked as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.subscription_id
            order by versions.valid_from desc
        ) as recency
    from versions

),

-- An end is the first day that no longer counts. A subscription that is gone from its source ended
-- on the day that no longer saw it, if not before.
lifetimes as (

    select
        ranked.source,
        ranked.subscription_id,
        ranked.customer_id,
        coalesce(ranked.account_id, '') as named_account_id,
        {{ business_date('ranked.started_at') }} as started_date,
        least(
            coalesce({{ business_date('ranked.ended_at') }}, {{ end_of_time() }}),
            ranked.valid_to
        ) as ended_date,
        coalesce(
            {{ business_date('ranked.cancelled_at') }}, {{ end_of_time() }}
        ) as cancelled_date
    from ranked
    where ranked.recency = 1

),

first_trials as (

    select
        breaks.source,
        breaks.subscription_id,
        max(breaks.valid_to) as trial_end_date
    from breaks
    where breaks.kind = 'trial' and not breaks.is_of_payer
    group by breaks.source, breaks.subscription_id

),

subscriptions as (

    select
        -- ids
        cast(row_number() over (
            order by lifetimes.subscription_id nulls last, lifetimes.source nulls last
        ) as integer) as subscription_key,
        cast(dense_rank() over (
            order by lifetimes.customer_id nulls last, lifetimes.source nulls last
        ) as integer) as customer_key,
        lifetimes.source,
        lifetimes.subscription_id,
        lifetimes.customer_id,
        lifetimes.named_account_id,

        -- dates
        greatest(
            lifetimes.started_date, coalesce(first_trials.trial_end_date, lifetimes.started_date)
        ) as paid_from,
        lifetimes.ended_date,
        least(lifetimes.ended_date, lifetimes.cancelled_date) as cancelled_date
    from lifetimes
    left join first_trials
        on
            lifetimes.source = first_trials.source
            and lifetimes.subscription_id = first_trials.subscription_id

)

select * from subscriptions
