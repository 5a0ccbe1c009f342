-- One row per metric x fiscal_quarter x customer x segment x snapshot_date x cause: what the
-- customer counted in the number as it was known on the quarter's last day (`reported`), and what
-- later days made of it.
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

customer_accounts as (

    select * from {{ ref('int_customer_accounts') }}

),

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

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
        max(months.month_number) as month_number
    from fiscal_quarters
    inner join captured
        on fiscal_quarters.end_date between captured.first_date and captured.last_date
    inner join months
        on months.month_end between fiscal_quarters.start_date and fiscal_quarters.end_date
    group by fiscal_quarters.fiscal_quarter, fiscal_quarters.end_date

),

-- Each number is about the last month end of the quarter, the one twelve months before, or both.
looks as (

    select
        quarters.fiscal_quarter,
        quarters.end_date,
        months.month_number < quarters.month_number as is_base,
        months.month_number,
        months.month_end,
        policies.policy_key,
        policies.renewal_grace_days
    from quarters
    inner join months
        on months.month_number in (quarters.month_number, quarters.month_number - 12)
    inner join policies
        on months.month_end >= policies.valid_from and months.month_end < policies.valid_to

),

policies_in_use as (

    select policies.*
    from policies
    where policies.policy_key in (select looks.policy_key from looks)

),

dated as (

    select
        versions.source,
        versions.subscription_id,
        versions.customer_id,
        {{ business_date('versions.started_at') }} as started_date,
        coalesce({{ business_date('versions.ended_at') }}, {{ end_of_time() }}) as ended_date,
        coalesce(
            {{ business_date('versions.cancelled_at') }}, {{ end_of_time() }}
        ) as cancelled_date,
        {{ business_date('versions.trial_start_at') }} as trial_start_date,
        {{ business_date('versions.trial_end_at') }} as trial_end_date,
        versions.paused_from,
        coalesce(versions.paused_to, {{ end_of_time() }}) as paused_to,
        versions.valid_from,
        versions.valid_to,
        cast(coalesce(lead(versions.valid_from) over (
            partition by versions.source, versions.subscription_id
            order by versions.valid_from nulls last
        ), {{ end_of_time() }}) as date) as next_from
    from versions

),

-- A subscription that is gone has ended on the day that no longer saw it, if not before; on that
-- day this is known.
told as (

    select
        dated.source,
        dated.subscription_id,
        dated.customer_id,
        dated.started_date,
        dated.ended_date,
        dated.cancelled_date,
        dated.valid_from as known_from,
        dated.valid_to as known_to
    from dated
    union all
    select
        dated.source,
        dated.subscription_id,
        dated.customer_id,
        dated.started_date,
        least(dated.ended_date, dated.valid_to) as ended_date,
        dated.cancelled_date,
        dated.valid_to as known_from,
        dated.next_from as known_to
    from dated
    where dated.valid_to < dated.next_from

),

-- What stood on the last day of some quarter or later.
standing as (

    select told.*
    from told
    where told.known_to > (select min(quarters.end_date) from quarters)

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
        standing.started_date,
        standing.known_from
    from dated
    inner join standing
        on
            dated.source = standing.source
            and dated.subscription_id = standing.subscription_id
            and dated.valid_from <= standing.known_from

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

-- The breaks of a subscription as one text, so that two days' can be compared.
break_texts as (

    select
        lasting.source,
        lasting.subscription_id,
        lasting.known_from,
        {{ listed(
            "lasting.kind || case when lasting.is_of_payer then ' of payer ' else ' ' end"
            ~ " || cast(lasting.valid_from as " ~ dbt.type_string() ~ ") || ' '"
            ~ " || cast(lasting.valid_to as " ~ dbt.type_string() ~ ")"
        ) }} as break_text
    from lasting
    group by lasting.source, lasting.subscription_id, lasting.known_from

),

known_lives as (

    select
        standing.source,
        standing.subscription_id,
        standing.customer_id,
        policies_in_use.policy_key,
        policies_in_use.counts_trials_of_payers,
        greatest(
            standing.started_date, coalesce(first_trials.trial_end_date, standing.started_date)
        ) as paid_from,
        case
            when policies_in_use.is_churn_at_cancellation
                then least(standing.ended_date, standing.cancelled_date)
            else standing.ended_date
        end as paid_to,
        coalesce(break_texts.break_text, '') as break_text,
        standing.known_from,
        standing.known_to
    from standing
    cross join policies_in_use
    left join first_trials
        on
            standing.source = first_trials.source
            and standing.subscription_id = first_trials.subscription_id
            and standing.known_from = first_trials.known_from
    left join break_texts
        on
            standing.source = break_texts.source
            and standing.subscription_id = break_texts.subscription_id
            and standing.known_from = break_texts.known_from
    where standing.started_date is not null

),

compared_lives as (

    select
        known_lives.*,
        lag(known_lives.customer_id) over earlier as earlier_customer_id,
        lag(known_lives.paid_from) over earlier as earlier_paid_from,
        lag(known_lives.paid_to) over earlier as earlier_paid_to,
        lag(known_lives.break_text) over earlier as earlier_break_text,
        max(known_lives.known_to) over (
            partition by
                known_lives.policy_key, known_lives.source, known_lives.subscription_id
        ) as last_known_to
    from known_lives
    window earlier as (
        partition by known_lives.policy_key, known_lives.source, known_lives.subscription_id
        order by known_lives.known_from nulls last
    )

),

-- Most days say of a life what was known of it before.
lives as (

    select
        compared_lives.source,
        compared_lives.subscription_id,
        compared_lives.customer_id,
        subscriptions.subscription_key,
        compared_lives.policy_key,
        compared_lives.counts_trials_of_payers,
        compared_lives.paid_from,
        compared_lives.paid_to,
        compared_lives.known_from,
        cast(coalesce(lead(compared_lives.known_from) over (
            partition by
                compared_lives.policy_key,
                compared_lives.source,
                compared_lives.subscription_id
            order by compared_lives.known_from nulls last
        ), compared_lives.last_known_to) as date) as known_to
    from compared_lives
    inner join subscriptions
        on
            compared_lives.source = subscriptions.source
            and compared_lives.subscription_id = subscriptions.subscription_id
    where
        compared_lives.earlier_customer_id is null
        or compared_lives.earlier_customer_id <> compared_lives.customer_id
        or compared_lives.earlier_paid_from <> compared_lives.paid_from
        or compared_lives.earlier_paid_to <> compared_lives.paid_to
        or compared_lives.earlier_break_text <> compared_lives.break_text

),

{{ paid_spans(
    'lasting',
    keys=['policy_key', 'subscription_key', 'known_from'],
    same=['source', 'subscription_id', 'known_from'],
) }},

counting_prices as (

    select
        policies_in_use.policy_key,
        prices.subscription_key,
        prices.named_account_id,
        prices.currency_code,
        case
            when policies_in_use.is_before_discounts then prices.source_list_amount
            else prices.source_amount
        end as price,
        prices.intervals_in_twelve_months,
        prices.interval_count,
        prices.valid_from,
        prices.valid_to
    from prices
    cross join policies_in_use
    where
        prices.status not in ('incomplete', 'incomplete_expired')
        and (policies_in_use.counts_past_due or prices.status <> 'past_due')
        and (policies_in_use.counts_unpaid or prices.status <> 'unpaid')

),

-- What a subscription costs at a month's end does not depend on what is known later.
paid as (

    select
        looks.fiscal_quarter,
        looks.end_date,
        looks.is_base,
        looks.month_number,
        looks.month_end,
        spans.source,
        spans.customer_id,
        counting_prices.subscription_key,
        counting_prices.named_account_id,
        counting_prices.currency_code,
        counting_prices.price,
        counting_prices.intervals_in_twelve_months,
        counting_prices.interval_count,
        greatest(spans.known_from, looks.end_date) as known_from,
        spans.known_to
    from looks
    inner join spans
        on
            looks.policy_key = spans.policy_key
            and looks.end_date < spans.known_to
            and looks.month_end >= spans.valid_from
            and looks.month_end < spans.valid_to
    inner join counting_prices
        on
            looks.policy_key = counting_prices.policy_key
            and spans.subscription_key = counting_prices.subscription_key
            and looks.month_end >= counting_prices.valid_from
            and looks.month_end < counting_prices.valid_to
    where coalesce(counting_prices.price, 1) <> 0

),

-- The days on which something about a customer may have changed, the quarter's last one first.
graced_days as (

    select
        looks.fiscal_quarter,
        looks.end_date,
        looks.is_base,
        looks.month_number,
        looks.month_end,
        looks.policy_key,
        looks.renewal_grace_days,
        standing.source,
        standing.customer_id,
        greatest(standing.known_from, looks.end_date) as snapshot_date
    from looks
    inner join standing on looks.end_date < standing.known_to
    where looks.renewal_grace_days > 0
    union
    select
        looks.fiscal_quarter,
        looks.end_date,
        looks.is_base,
        looks.month_number,
        looks.month_end,
        looks.policy_key,
        looks.renewal_grace_days,
        standing.source,
        standing.customer_id,
        standing.known_to as snapshot_date
    from looks
    inner join standing on looks.end_date < standing.known_to
    where looks.renewal_grace_days > 0 and standing.known_to < {{ end_of_time() }}

),

followed_days as (

    select
        graced_days.*,
        coalesce(lead(graced_days.snapshot_date) over (
            partition by
                graced_days.fiscal_quarter,
                graced_days.is_base,
                graced_days.source,
                graced_days.customer_id
            order by graced_days.snapshot_date nulls last
        ), {{ end_of_time() }}) as next_date
    from graced_days

),

-- Here the price that was known last is that of all time to come.
near as (

    select
        followed_days.*,
        counting_prices.subscription_key,
        counting_prices.named_account_id,
        counting_prices.currency_code,
        counting_prices.price,
        counting_prices.intervals_in_twelve_months,
        counting_prices.interval_count,
        spans.paid_from,
        spans.paid_to,
        greatest(spans.valid_from, counting_prices.valid_from) as valid_from,
        case
            when counting_prices.valid_to > followed_days.snapshot_date then spans.valid_to
            else least(spans.valid_to, counting_prices.valid_to)
        end as valid_to
    from followed_days
    inner join spans
        on
            followed_days.policy_key = spans.policy_key
            and followed_days.source = spans.source
            and followed_days.customer_id = spans.customer_id
            and followed_days.snapshot_date >= spans.known_from
            and followed_days.snapshot_date < spans.known_to
            and {{ dbt.dateadd(
                'day', 'followed_days.renewal_grace_days', 'followed_days.month_end'
            ) }} >= spans.valid_from
            and {{ dbt.dateadd(
                'day', '-followed_days.renewal_grace_days', 'followed_days.month_end'
            ) }} <= spans.valid_to
    inner join counting_prices
        on
            followed_days.policy_key = counting_prices.policy_key
            and spans.subscription_key = counting_prices.subscription_key
            and followed_days.snapshot_date >= counting_prices.valid_from
    where coalesce(counting_prices.price, 1) <> 0

),

graced as (

    select
        near.*,
        near.valid_from = near.paid_from as is_start,
        near.valid_to = near.paid_to as is_end
    from near
    where near.valid_from < near.valid_to

),

{{ renewal_gaps(
    'graced', ['fiscal_quarter', 'is_base', 'source', 'customer_id', 'snapshot_date']
) }},

counted as (

    select * from paid
    union all
    -- who is yet to renew
    select
        graced.fiscal_quarter,
        graced.end_date,
        graced.is_base,
        graced.month_number,
        graced.month_end,
        graced.source,
        graced.customer_id,
        graced.subscription_key,
        graced.named_account_id,
        graced.currency_code,
        graced.price,
        graced.intervals_in_twelve_months,
        graced.interval_count,
        graced.snapshot_date as known_from,
        graced.next_date as known_to
    from graced
    inner join renewal_gaps
        on
            graced.fiscal_quarter = renewal_gaps.fiscal_quarter
            and graced.is_base = renewal_gaps.is_base
            and graced.source = renewal_gaps.source
            and graced.customer_id = renewal_gaps.customer_id
            and graced.snapshot_date = renewal_gaps.snapshot_date
            and graced.valid_to = renewal_gaps.valid_from
            and graced.month_end >= renewal_gaps.valid_from
            and graced.month_end < renewal_gaps.valid_to
    where graced.is_end

),

-- In the segment of the account that the customer was taken for on the day.
states as (

    select
        counted.fiscal_quarter,
        counted.end_date,
        counted.is_base,
        counted.source,
        counted.customer_id,
        counted.subscription_key,
        coalesce(account_segments.segment, '(unassigned)') as segment,
        {{ monthly_amount(
            'counted.price',
            'rates.rate_to_base',
            'counted.intervals_in_twelve_months',
            '(12 * cast(counted.interval_count as bigint))'
        ) }} as mrr_amount,
        greatest(
            counted.known_from, coalesce(customer_accounts.known_from, counted.known_from)
        ) as known_from,
        least(counted.known_to, coalesce(customer_accounts.known_to, counted.known_to)) as known_to
    from counted
    left join rates
        on
            counted.currency_code = rates.currency_code
            and counted.month_number >= rates.from_month
            and counted.month_number < rates.to_month
    left join customer_accounts
        on
            counted.source = customer_accounts.source
            and counted.customer_id = customer_accounts.customer_id
            and counted.named_account_id = customer_accounts.named_account_id
            and counted.known_from < customer_accounts.known_to
            and counted.known_to > customer_accounts.known_from
    left join accounts
        on
            customer_accounts.account_source = accounts.account_source
            and customer_accounts.account_id = accounts.account_id
    left join account_segments
        on
            accounts.account_key = account_segments.account_key
            and counted.month_end >= account_segments.valid_from
            and counted.month_end < account_segments.valid_to

),

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

-- The largest subscription, then the one with the lowest id, says in which segment a customer is.
ranked as (

    select
        customer_days.fiscal_quarter,
        customer_days.end_date,
        customer_days.source,
        customer_days.customer_id,
        customer_days.snapshot_date,
        states.is_base,
        states.segment,
        states.mrr_amount,
        states.subscription_key is not null and states.mrr_amount is null as is_unpriced,
        row_number() over (
            partition by
                customer_days.fiscal_quarter,
                customer_days.source,
                customer_days.customer_id,
                customer_days.snapshot_date,
                states.is_base
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
        max(case when ranked.size_rank = 1 and not ranked.is_base then ranked.segment end)
            as segment,
        max(case when ranked.size_rank = 1 and ranked.is_base then ranked.segment end)
            as base_segment,
        greatest(
            sum(case when not ranked.is_base then coalesce(ranked.mrr_amount, 0) else 0 end), 0
        ) as mrr_amount,
        greatest(
            sum(case when ranked.is_base then coalesce(ranked.mrr_amount, 0) else 0 end), 0
        ) as base_amount,
        max(case when ranked.is_base and ranked.is_unpriced then 1 else 0 end) = 1
            as is_base_unpriced
    from ranked
    group by
        ranked.fiscal_quarter,
        ranked.end_date,
        ranked.source,
        ranked.customer_id,
        ranked.snapshot_date

),

-- Whoever paid twelve months before is followed in the segment of that day.
shared as (

    select
        customers.*,
        case
            when customers.base_amount > 0 or customers.is_base_unpriced then customers.mrr_amount
            else 0
        end as retained_amount,
        least(customers.mrr_amount, customers.base_amount) as gross_retained_amount
    from customers

),

recalled as (

    select
        shared.*,
        lag(shared.segment) over earlier as previous_segment,
        lag(shared.base_segment) over earlier as previous_base_segment,
        lag(shared.mrr_amount) over earlier as previous_mrr_amount,
        lag(shared.base_amount) over earlier as previous_base_amount,
        lag(shared.retained_amount) over earlier as previous_retained_amount,
        lag(shared.gross_retained_amount) over earlier as previous_gross_retained_amount
    from shared
    window earlier as (
        partition by shared.fiscal_quarter, shared.source, shared.customer_id
        order by shared.snapshot_date nulls last
    )

),

stepped as (

    select
        'mrr' as metric,
        recalled.fiscal_quarter,
        recalled.end_date,
        recalled.source,
        recalled.customer_id,
        recalled.snapshot_date,
        recalled.segment as segment,
        recalled.previous_segment as previous_segment,
        recalled.mrr_amount as amount,
        coalesce(recalled.previous_mrr_amount, 0) as previous_amount
    from recalled
    union all
    select
        'cohort_mrr' as metric,
        recalled.fiscal_quarter,
        recalled.end_date,
        recalled.source,
        recalled.customer_id,
        recalled.snapshot_date,
        recalled.base_segment as segment,
        recalled.previous_base_segment as previous_segment,
        recalled.base_amount as amount,
        coalesce(recalled.previous_base_amount, 0) as previous_amount
    from recalled
    union all
    select
        'nrr' as metric,
        recalled.fiscal_quarter,
        recalled.end_date,
        recalled.source,
        recalled.customer_id,
        recalled.snapshot_date,
        recalled.base_segment as segment,
        recalled.previous_base_segment as previous_segment,
        recalled.retained_amount as amount,
        coalesce(recalled.previous_retained_amount, 0) as previous_amount
    from recalled
    union all
    select
        'grr' as metric,
        recalled.fiscal_quarter,
        recalled.end_date,
        recalled.source,
        recalled.customer_id,
        recalled.snapshot_date,
        recalled.base_segment as segment,
        recalled.previous_base_segment as previous_segment,
        recalled.gross_retained_amount as amount,
        coalesce(recalled.previous_gross_retained_amount, 0) as previous_amount
    from recalled

),

-- The segment at the old amount first, then the rest.
moved as (

    select
        stepped.metric,
        stepped.fiscal_quarter,
        stepped.source,
        stepped.customer_id,
        stepped.previous_segment as segment,
        stepped.snapshot_date,
        'segment' as cause,
        -stepped.previous_amount as amount,
        -1 as customer_delta
    from stepped
    where
        stepped.previous_amount > 0
        and stepped.amount > 0
        and stepped.previous_segment <> stepped.segment
    union all
    select
        stepped.metric,
        stepped.fiscal_quarter,
        stepped.source,
        stepped.customer_id,
        stepped.segment,
        stepped.snapshot_date,
        'segment' as cause,
        stepped.previous_amount as amount,
        1 as customer_delta
    from stepped
    where
        stepped.previous_amount > 0
        and stepped.amount > 0
        and stepped.previous_segment <> stepped.segment
    union all
    select
        stepped.metric,
        stepped.fiscal_quarter,
        stepped.source,
        stepped.customer_id,
        case when stepped.amount = 0 then stepped.previous_segment else stepped.segment end
            as segment,
        stepped.snapshot_date,
        case
            when stepped.snapshot_date = stepped.end_date then 'reported'
            when stepped.previous_amount = 0 then 'entered'
            when stepped.amount = 0 then 'left'
            else 'edited'
        end as cause,
        stepped.amount - stepped.previous_amount as amount,
        case
            when stepped.previous_amount = 0 then 1
            when stepped.amount = 0 then -1
            else 0
        end as customer_delta
    from stepped
    where stepped.amount <> stepped.previous_amount

),

restatements as (

    select
        -- ids
        moved.metric,
        moved.fiscal_quarter,
        moved.source,
        moved.customer_id,

        -- attributes
        moved.segment,
        moved.cause,

        -- numerics
        cast(moved.amount as decimal(18, 2)) as amount,
        cast(moved.customer_delta as integer) as customer_delta,

        -- dates
        moved.snapshot_date
    from moved

)

select * from restatements
