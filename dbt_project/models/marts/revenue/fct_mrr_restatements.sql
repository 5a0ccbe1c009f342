-- One row per metric x fiscal quarter x customer x segment x day x cause: `reported`, what the
-- customer counted in the number as it was known on the quarter's last day, and what later days
-- made of it.
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
        versions.valid_to,
        cast(coalesce(lead(versions.valid_from) over (
            partition by versions.source, versions.subscription_id
            order by versions.valid_from nulls last
        ), {{ end_of_time() }}) as date) as known_to
    from versions

),

-- What stood on the last day of some quarter or later.
standing as (

    select dated.*
    from dated
    where dated.known_to > (select min(quarters.end_date) from quarters)

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
        standing.valid_from as known_from
    from dated
    inner join standing
        on
            dated.source = standing.source
            and dated.subscription_id = standing.subscription_id
            and dated.valid_from <= standing.valid_from

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
        standing.source,
        standing.subscription_id,
        standing.customer_id,
        subscriptions.subscription_key,
        policies.policy_key,
        policies.counts_trials_of_payers,
        greatest(
            standing.started_date, coalesce(first_trials.trial_end_date, standing.started_date)
        ) as paid_from,
        case
            when policies.is_churn_at_cancellation
                then least(standing.ended_date, standing.cancelled_date)
            else standing.ended_date
        end as paid_to,
        standing.valid_from as known_from,
        standing.known_to
    from standing
    inner join subscriptions
        on
            standing.source = subscriptions.source
            and standing.subscription_id = subscriptions.subscription_id
    inner join policies
        on policies.policy_key in (select looks.policy_key from looks)
    left join first_trials
        on
            standing.source = first_trials.source
            and standing.subscription_id = first_trials.subscription_id
            and standing.valid_from = first_trials.known_from
    where standing.started_date is not null

),

{{ paid_spans(
    'lasting',
    keys=['policy_key', 'subscription_key', 'known_from'],
    same=['source', 'subscription_id', 'known_from'],
) }},

-- The price that was known last is that of all time to come.
priced as (

    select
        spans.policy_key,
        spans.source,
        spans.subscription_key,
        spans.customer_id,
        spans.known_from,
        spans.known_to,
        prices.named_account_id,
        prices.currency_code,
        case
            when policies.is_before_discounts then prices.source_list_amount
            else prices.source_amount
        end as price,
        prices.intervals_in_twelve_months,
        prices.interval_count,
        spans.paid_from,
        spans.paid_to,
        greatest(spans.valid_from, prices.valid_from) as valid_from,
        case
            when prices.valid_to > spans.known_from then spans.valid_to
            else least(spans.valid_to, prices.valid_to)
        end as valid_to
    from spans
    inner join policies on spans.policy_key = policies.policy_key
    inner join prices
        on
            spans.subscription_key = prices.subscription_key
            and spans.known_from >= prices.valid_from
    where
        prices.status not in ('incomplete', 'incomplete_expired')
        and (policies.counts_past_due or prices.status <> 'past_due')
        and (policies.counts_unpaid or prices.status <> 'unpaid')

),

terms as (

    select
        looks.fiscal_quarter,
        looks.end_date,
        looks.is_base,
        looks.month_number,
        looks.month_end,
        looks.renewal_grace_days,
        priced.*,
        priced.valid_from = priced.paid_from as is_start,
        priced.valid_to = priced.paid_to as is_end
    from looks
    inner join priced
        on
            looks.policy_key = priced.policy_key
            and looks.end_date < priced.known_to
            and priced.valid_from < priced.valid_to
            and priced.valid_from
            <= {{ dbt.dateadd('day', 'looks.renewal_grace_days', 'looks.month_end') }}
            and priced.valid_to
            >= {{ dbt.dateadd('day', '-looks.renewal_grace_days', 'looks.month_end') }}
    where coalesce(priced.price, 1) <> 0

),

-- The days on which something about a customer may have changed, the quarter's last one first.
graced_days as (

    select
        looks.fiscal_quarter,
        looks.is_base,
        lives.source,
        lives.customer_id,
        greatest(lives.known_from, looks.end_date) as snapshot_date
    from looks
    inner join lives
        on looks.policy_key = lives.policy_key and looks.end_date < lives.known_to
    where looks.renewal_grace_days > 0
    union
    select
        looks.fiscal_quarter,
        looks.is_base,
        lives.source,
        lives.customer_id,
        lives.known_to as snapshot_date
    from looks
    inner join lives
        on looks.policy_key = lives.policy_key and looks.end_date < lives.known_to
    where looks.renewal_grace_days > 0 and lives.known_to < {{ end_of_time() }}

),

graced as (

    select
        terms.*,
        graced_days.snapshot_date
    from graced_days
    inner join terms
        on
            graced_days.fiscal_quarter = terms.fiscal_quarter
            and graced_days.is_base = terms.is_base
            and graced_days.source = terms.source
            and graced_days.customer_id = terms.customer_id
            and graced_days.snapshot_date >= terms.known_from
            and graced_days.snapshot_date < terms.known_to

),

{{ renewal_gaps(
    'graced', ['fiscal_quarter', 'is_base', 'source', 'customer_id', 'snapshot_date']
) }},

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

counted as (

    select
        terms.fiscal_quarter,
        terms.end_date,
        terms.is_base,
        terms.month_number,
        terms.month_end,
        terms.source,
        terms.customer_id,
        terms.subscription_key,
        terms.named_account_id,
        terms.currency_code,
        terms.price,
        terms.intervals_in_twelve_months,
        terms.interval_count,
        greatest(terms.known_from, terms.end_date) as known_from,
        terms.known_to
    from terms
    where terms.month_end >= terms.valid_from and terms.month_end < terms.valid_to
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
        followed_days.snapshot_date as known_from,
        followed_days.next_date as known_to
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
    inner join followed_days
        on
            graced.fiscal_quarter = followed_days.fiscal_quarter
            and graced.is_base = followed_days.is_base
            and graced.source = followed_days.source
            and graced.customer_id = followed_days.customer_id
            and graced.snapshot_date = followed_days.snapshot_date
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
numbers as (

    select
        'mrr' as metric,
        customers.fiscal_quarter,
        customers.end_date,
        customers.source,
        customers.customer_id,
        customers.snapshot_date,
        customers.segment,
        customers.mrr_amount as amount
    from customers
    union all
    select
        'cohort_mrr' as metric,
        customers.fiscal_quarter,
        customers.end_date,
        customers.source,
        customers.customer_id,
        customers.snapshot_date,
        customers.base_segment as segment,
        customers.base_amount as amount
    from customers
    union all
    select
        'nrr' as metric,
        customers.fiscal_quarter,
        customers.end_date,
        customers.source,
        customers.customer_id,
        customers.snapshot_date,
        customers.base_segment as segment,
        case
            when customers.base_amount > 0 or customers.is_base_unpriced then customers.mrr_amount
            else 0
        end as amount
    from customers
    union all
    select
        'grr' as metric,
        customers.fiscal_quarter,
        customers.end_date,
        customers.source,
        customers.customer_id,
        customers.snapshot_date,
        customers.base_segment as segment,
        least(customers.mrr_amount, customers.base_amount) as amount
    from customers

),

stepped as (

    select
        numbers.*,
        lag(numbers.segment) over earlier as previous_segment,
        coalesce(lag(numbers.amount) over earlier, 0) as previous_amount
    from numbers
    window earlier as (
        partition by
            numbers.metric, numbers.fiscal_quarter, numbers.source, numbers.customer_id
        order by numbers.snapshot_date nulls last
    )

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
