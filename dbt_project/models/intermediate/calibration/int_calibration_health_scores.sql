-- One row per customer x month end at which it paid since billing is captured: the health that was
-- known then, and whether the customer left soon after.
with

customers as (

    select * from {{ ref('int_mrr_by_customer') }}

),

months as (

    select * from {{ ref('int_mrr_months') }}

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

),

measurements as (

    select * from {{ ref('stg_customer_health') }}
    where not is_tombstone

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where snapshot_date = last_captured_date and entity in ('subscription', 'account')

),

dates as (

    select * from {{ ref('dim_date') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

billed as (

    select
        subscriptions.customer_key,
        snapshot_days.first_captured_date,
        snapshot_days.last_captured_date
    from subscriptions
    inner join snapshot_days
        on subscriptions.source = snapshot_days.source and snapshot_days.entity = 'subscription'
    group by
        subscriptions.customer_key,
        snapshot_days.first_captured_date,
        snapshot_days.last_captured_date

),

-- The month at whose end nothing is paid for the first time.
followed as (

    select
        customers.*,
        case
            when
                coalesce(lead(customers.month_number) over later, 0) <> customers.month_number + 1
                then customers.month_number + 1
        end as left_month
    from customers
    window later as (
        partition by customers.customer_key
        order by customers.month_number nulls last
    )

),

staying as (

    select
        followed.*,
        min(followed.left_month) over (
            partition by followed.customer_key
            order by followed.month_number nulls last
            rows between current row and unbounded following
        ) as next_left_month
    from followed

),

corrected as (

    select
        measurements.*,
        coalesce(
            lead(measurements.valid_from) over (
                partition by
                    measurements.source, measurements.account_id, measurements.measured_at
                order by measurements.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as corrected_from
    from measurements

),

-- A source that has no accounts of its own speaks of whatever account has the id.
measured as (

    select
        accounts.account_key,
        corrected.source,
        corrected.measured_at,
        {{ business_date('corrected.measured_at') }} as measured_date,
        corrected.score,
        corrected.valid_from,
        corrected.corrected_from
    from corrected
    inner join accounts on corrected.account_id = accounts.account_id
    left join snapshot_days
        on corrected.source = snapshot_days.source and snapshot_days.entity = 'account'
    where
        corrected.score is not null
        and (snapshot_days.source is null or corrected.source = accounts.account_source)

),

known as (

    select
        staying.customer_key,
        staying.month_number,
        measured.score,
        measured.measured_date,
        row_number() over (
            partition by staying.customer_key, staying.month_number
            order by
                measured.measured_at desc nulls last,
                measured.source asc nulls last
        ) as recency
    from staying
    inner join measured
        on
            staying.account_key = measured.account_key
            and staying.month_end >= measured.measured_date
            and staying.month_end >= measured.valid_from
            and staying.month_end < measured.corrected_from

),

-- Bands are whole numbers of 38 digits; Spark would round a score's decimals off to compare them.
landmarks as (

    select
        staying.customer_key,
        staying.month_end,
        staying.segment,
        dates.fiscal_quarter,
        known.score,
        case
            when known.score is null then 'unscored'
            when
                {{ dbt.datediff('known.measured_date', 'staying.month_end', 'day') }}
                > policy.stale_score_days
                then 'stale'
            when floor(known.score) < {{ number_in_list('policy.health_bands', '0') }} then 'red'
            when floor(known.score) < {{ number_in_list('policy.health_bands', '1') }} then 'amber'
            else 'green'
        end as band,
        coalesce(
            {{ dbt.datediff('staying.month_end', 'left_months.month_end', 'day') }}
            <= policy.health_score_days,
            false
        ) as is_left,
        {{ dbt.datediff('staying.month_end', 'billed.last_captured_date', 'day') }}
        >= policy.health_score_days as is_old_enough
    from staying
    inner join billed
        on
            staying.customer_key = billed.customer_key
            and staying.month_end >= billed.first_captured_date
    inner join dates on staying.month_end = dates.date_day
    inner join policy
        on staying.month_end >= policy.valid_from and staying.month_end < policy.valid_to
    left join months as left_months on staying.next_left_month = left_months.month_number
    left join known
        on
            staying.customer_key = known.customer_key
            and staying.month_number = known.month_number
            and known.recency = 1

),

-- The lower the health, the higher it ranks: those who leave are looked for.
health_scores as (

    select
        landmarks.customer_key,
        landmarks.month_end,
        landmarks.band,
        case
            when landmarks.band not in ('stale', 'unscored')
                then cast(-landmarks.score as decimal(38, 6))
        end as rank_value,
        landmarks.segment,
        landmarks.fiscal_quarter,
        case
            when not landmarks.is_old_enough then 'undecided'
            when landmarks.is_left then 'positive'
            else 'negative'
        end as verdict
    from landmarks

)

select * from health_scores
