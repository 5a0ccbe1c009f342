-- One row per fiscal quarter x segment (`(all)` included) x day x cause: `reported`, the MRR at the
-- quarter's last month end as it was known on the quarter's last day, and what later days made of
-- it. Quarters that count customers who are yet to renew have none.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

prices as (

    select * from {{ ref('int_subscription_prices') }}

),

policies as (

    select * from {{ ref('int_mrr_policy') }}

),

rates as (

    select * from {{ ref('int_mrr_fx_rates') }}

),

months as (

    select * from {{ ref('int_mrr_months') }}

),

account_segments as (

    select * from {{ ref('int_mrr_account_segments') }}

),

fiscal_quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'subscription'

),

captured as (

    select
        min(snapshot_days.snapshot_date) as first_date,
        max(snapshot_days.snapshot_date) as last_date
    from snapshot_days

),

quarters as (

    select
        fiscal_quarters.fiscal_quarter,
        fiscal_quarters.end_date,
        max(months.month_end) as month_end
    from fiscal_quarters
    inner join captured
        on fiscal_quarters.end_date between captured.first_date and captured.last_date
    inner join months
        on months.month_end between fiscal_quarters.start_date and fiscal_quarters.end_date
    group by fiscal_quarters.fiscal_quarter, fiscal_quarters.end_date

),

dated as (

    select
        versions.source,
        versions.subscription_id,
        versions.customer_id,
        {{ business_date('versions.started_at') }} as started_date,
        least(
            coalesce({{ business_date('versions.ended_at') }}, {{ end_of_time() }}),
            versions.valid_to
        ) as ended_date,
        coalesce(
            {{ business_date('versions.cancelled_at') }}, {{ end_of_time() }}
        ) as cancelled_date,
        {{ business_date('versions.trial_start_at') }} as trial_start_date,
        {{ business_date('versions.trial_end_at') }} as trial_end_date,
        versions.paused_from,
        coalesce(versions.paused_to, {{ end_of_time() }}) as paused_to,
        versions.valid_from,
        versions.valid_to
    from versions

),

-- Of each day on which something new was known, all that was known by then.
known as (

    select
        dated.source,
        dated.subscription_id,
        dated.trial_start_date,
        dated.trial_end_date,
        dated.paused_from,
        dated.paused_to,
        dated.valid_from,
        dated.valid_to,
        latest.started_date,
        latest.valid_from as known_from
    from dated
    inner join dated as latest
        on
            dated.source = latest.source
            and dated.subscription_id = latest.subscription_id
            and dated.valid_from <= latest.valid_from

),

{{ subscription_breaks('known', ['source', 'subscription_id', 'known_from']) }},

lasting as (

    select breaks.*
    from breaks
    where breaks.valid_from < breaks.valid_to

),

first_trials as (

    select
        lasting.source,
        lasting.subscription_id,
        lasting.known_from,
        max(lasting.valid_to) as trial_end_date
    from lasting
    where lasting.kind = 'trial' and not lasting.is_of_payer
    group by lasting.source, lasting.subscription_id, lasting.known_from

),

lives as (

    select
        dated.*,
        greatest(
            dated.started_date, coalesce(first_trials.trial_end_date, dated.started_date)
        ) as paid_from,
        coalesce(lead(dated.valid_from) over (
            partition by dated.source, dated.subscription_id
            order by dated.valid_from nulls last
        ), {{ end_of_time() }}) as known_to
    from dated
    left join first_trials
        on
            dated.source = first_trials.source
            and dated.subscription_id = first_trials.subscription_id
            and dated.valid_from = first_trials.known_from

),

-- What a subscription costs at a month's end does not depend on what is known later.
priced as (

    select
        quarters.fiscal_quarter,
        quarters.end_date,
        quarters.month_end,
        policies.is_churn_at_cancellation,
        policies.counts_trials_of_payers,
        subscriptions.source,
        subscriptions.subscription_id,
        subscriptions.subscription_key,
        coalesce(account_segments.segment, '(unassigned)') as segment,
        {{ monthly_amount(
            'case when policies.is_before_discounts then prices.source_list_amount'
            ~ ' else prices.source_amount end',
            'rates.rate_to_base',
            'prices.intervals_in_twelve_months',
            '(12 * cast(prices.interval_count as bigint))'
        ) }} as mrr_amount
    from quarters
    inner join policies
        on quarters.month_end >= policies.valid_from and quarters.month_end < policies.valid_to
    inner join prices
        on quarters.month_end >= prices.valid_from and quarters.month_end < prices.valid_to
    inner join subscriptions on prices.subscription_key = subscriptions.subscription_key
    left join rates
        on
            prices.currency_code = rates.currency_code
            and {{ month_number('quarters.month_end') }} >= rates.from_month
            and {{ month_number('quarters.month_end') }} < rates.to_month
    left join account_segments
        on
            prices.account_key = account_segments.account_key
            and quarters.month_end >= account_segments.valid_from
            and quarters.month_end < account_segments.valid_to
    where
        policies.renewal_grace_days = 0
        and prices.status not in ('incomplete', 'incomplete_expired')
        and (policies.counts_past_due or prices.status <> 'past_due')
        and (policies.counts_unpaid or prices.status <> 'unpaid')

),

states as (

    select
        priced.fiscal_quarter,
        priced.end_date,
        priced.source,
        lives.customer_id,
        priced.subscription_key,
        priced.segment,
        priced.mrr_amount,
        greatest(lives.valid_from, priced.end_date) as known_from,
        lives.known_to
    from priced
    inner join lives
        on
            priced.source = lives.source
            and priced.subscription_id = lives.subscription_id
            and priced.end_date < lives.known_to
    where
        priced.month_end >= lives.paid_from
        and priced.month_end < case
            when priced.is_churn_at_cancellation
                then least(lives.ended_date, lives.cancelled_date)
            else lives.ended_date
        end
        and priced.mrr_amount <> 0
        and not exists (
            select 1
            from lasting
            where
                lasting.source = lives.source
                and lasting.subscription_id = lives.subscription_id
                and lasting.known_from = lives.valid_from
                and priced.month_end >= lasting.valid_from
                and priced.month_end < lasting.valid_to
                and not (priced.counts_trials_of_payers and lasting.is_of_payer)
        )

),

-- The days on which something about a customer may have changed, the quarter's last one first.
customer_days as (

    select
        states.fiscal_quarter,
        states.end_date,
        states.source,
        states.customer_id,
        states.known_from as snapshot_date
    from states
    union
    select
        states.fiscal_quarter,
        states.end_date,
        states.source,
        states.customer_id,
        states.known_to as snapshot_date
    from states
    where states.known_to < {{ end_of_time() }}
    union
    select
        states.fiscal_quarter,
        states.end_date,
        states.source,
        states.customer_id,
        states.end_date as snapshot_date
    from states

),

ranked as (

    select
        customer_days.fiscal_quarter,
        customer_days.end_date,
        customer_days.source,
        customer_days.customer_id,
        customer_days.snapshot_date,
        states.segment,
        coalesce(states.mrr_amount, 0) as mrr_amount,
        row_number() over (
            partition by
                customer_days.fiscal_quarter,
                customer_days.source,
                customer_days.customer_id,
                customer_days.snapshot_date
            order by states.mrr_amount desc nulls last, states.subscription_key asc nulls last
        ) as size_rank
    from customer_days
    left join states
        on
            customer_days.fiscal_quarter = states.fiscal_quarter
            and customer_days.source = states.source
            and customer_days.customer_id = states.customer_id
            and customer_days.snapshot_date >= states.known_from
            and customer_days.snapshot_date < states.known_to

),

customers as (

    select
        ranked.fiscal_quarter,
        ranked.end_date,
        ranked.source,
        ranked.customer_id,
        ranked.snapshot_date,
        max(case when ranked.size_rank = 1 then ranked.segment end) as segment,
        greatest(sum(ranked.mrr_amount), 0) as mrr_amount
    from ranked
    group by
        ranked.fiscal_quarter,
        ranked.end_date,
        ranked.source,
        ranked.customer_id,
        ranked.snapshot_date

),

stepped as (

    select
        customers.*,
        lag(customers.segment) over earlier as previous_segment,
        coalesce(lag(customers.mrr_amount) over earlier, 0) as previous_amount
    from customers
    window earlier as (
        partition by customers.fiscal_quarter, customers.source, customers.customer_id
        order by customers.snapshot_date nulls last
    )

),

-- The segment at the old amount first, then the rest.
moved as (

    select
        stepped.fiscal_quarter,
        stepped.previous_segment as segment,
        stepped.snapshot_date,
        'segment' as cause,
        -stepped.previous_amount as amount,
        -1 as customer_delta
    from stepped
    where
        stepped.previous_amount > 0
        and stepped.mrr_amount > 0
        and stepped.previous_segment <> stepped.segment
    union all
    select
        stepped.fiscal_quarter,
        stepped.segment,
        stepped.snapshot_date,
        'segment' as cause,
        stepped.previous_amount as amount,
        1 as customer_delta
    from stepped
    where
        stepped.previous_amount > 0
        and stepped.mrr_amount > 0
        and stepped.previous_segment <> stepped.segment
    union all
    select
        stepped.fiscal_quarter,
        case when stepped.mrr_amount = 0 then stepped.previous_segment else stepped.segment end
            as segment,
        stepped.snapshot_date,
        case
            when stepped.snapshot_date = stepped.end_date then 'reported'
            when stepped.previous_amount = 0 then 'entered'
            when stepped.mrr_amount = 0 then 'left'
            else 'edited'
        end as cause,
        stepped.mrr_amount - stepped.previous_amount as amount,
        case
            when stepped.previous_amount = 0 then 1
            when stepped.mrr_amount = 0 then -1
            else 0
        end as customer_delta
    from stepped
    where stepped.mrr_amount <> stepped.previous_amount

),

totals as (

    {{ with_all(
        'moved',
        all_of=['segment'],
        others=['fiscal_quarter', 'snapshot_date', 'cause'],
        sums=['amount', 'customer_delta'],
    ) }}

),

restatements as (

    select
        totals.fiscal_quarter,
        totals.segment,
        totals.snapshot_date,
        totals.cause,
        cast(totals.amount as decimal(18, 2)) as amount,
        cast(totals.customer_delta as integer) as customer_delta
    from totals

)

select * from restatements
