-- One row per fiscal_quarter x customer x day on which what is known of it may have changed, the
-- quarter's last one included: what it was known to pay then, at the quarter's last month end and
-- twelve months before.
with

spans as (

    select * from {{ ref('int_subscription_spans_as_known') }}

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

-- A renewal is awaited before and behind a month's end.
looks as (

    select
        quarters.fiscal_quarter,
        months.month_number < quarters.month_number as is_base,
        months.month_number,
        months.month_end,
        policies.policy_key,
        policies.renewal_grace_days,
        cast({{ dbt.dateadd('day', '-policies.renewal_grace_days', 'months.month_end') }} as date)
            as grace_from,
        cast({{ dbt.dateadd('day', 'policies.renewal_grace_days', 'months.month_end') }} as date)
            as grace_to
    from quarters
    inner join months
        on months.month_number in (quarters.month_number, quarters.month_number - 12)
    inner join policies
        on months.month_end >= policies.valid_from and months.month_end < policies.valid_to

),

changes as (

    select
        spans.source,
        spans.customer_id,
        spans.known_from as changed_date
    from spans
    union
    select
        spans.source,
        spans.customer_id,
        spans.known_to as changed_date
    from spans
    where spans.known_to < {{ end_of_time() }}
    union
    select
        spans.source,
        spans.customer_id,
        customer_accounts.known_from as changed_date
    from spans
    inner join customer_accounts
        on
            spans.source = customer_accounts.source
            and spans.customer_id = customer_accounts.customer_id

),

days as (

    select
        quarters.fiscal_quarter,
        changes.source,
        changes.customer_id,
        greatest(changes.changed_date, quarters.end_date) as snapshot_date
    from changes
    cross join quarters
    group by
        quarters.fiscal_quarter,
        changes.source,
        changes.customer_id,
        greatest(changes.changed_date, quarters.end_date)

),

counting_prices as (

    {{ counting_prices('prices', 'policies') }}

),

-- What was paid for around the month's end, at its price; the one that was known last is that of
-- all time to come.
near as (

    select
        looks.fiscal_quarter,
        looks.is_base,
        looks.month_number,
        looks.month_end,
        looks.renewal_grace_days,
        days.source,
        days.customer_id,
        days.snapshot_date,
        spans.subscription_key,
        counting_prices.named_account_id,
        counting_prices.currency_code,
        counting_prices.price,
        counting_prices.intervals_in_twelve_months,
        counting_prices.interval_count,
        spans.paid_from,
        spans.paid_to,
        greatest(spans.valid_from, counting_prices.valid_from) as valid_from,
        case
            when counting_prices.valid_to > days.snapshot_date then spans.valid_to
            else least(spans.valid_to, counting_prices.valid_to)
        end as valid_to
    from looks
    inner join days on looks.fiscal_quarter = days.fiscal_quarter
    inner join spans
        on
            looks.policy_key = spans.policy_key
            and days.source = spans.source
            and days.customer_id = spans.customer_id
            and days.snapshot_date >= spans.known_from
            and days.snapshot_date < spans.known_to
            and looks.grace_to >= spans.valid_from
            and looks.grace_from <= spans.valid_to
    inner join counting_prices
        on
            spans.policy_key = counting_prices.policy_key
            and spans.subscription_key = counting_prices.subscription_key
            and days.snapshot_date >= counting_prices.valid_from
            and looks.grace_to >= counting_prices.valid_from
            and looks.grace_from <= counting_prices.valid_to

),

terms as (

    select
        near.*,
        near.valid_from = near.paid_from as is_start,
        near.valid_to = near.paid_to as is_end
    from near
    where near.valid_from < near.valid_to

),

{{ renewal_gaps(
    'terms', ['fiscal_quarter', 'is_base', 'source', 'customer_id', 'snapshot_date']
) }},

-- What is paid for at the month's end, and what ended before it and is renewed behind it.
counted as (

    select terms.*
    from terms
    left join renewal_gaps
        on
            terms.fiscal_quarter = renewal_gaps.fiscal_quarter
            and terms.is_base = renewal_gaps.is_base
            and terms.source = renewal_gaps.source
            and terms.customer_id = renewal_gaps.customer_id
            and terms.snapshot_date = renewal_gaps.snapshot_date
            and terms.valid_to = renewal_gaps.valid_from
            and terms.month_end >= renewal_gaps.valid_from
            and terms.month_end < renewal_gaps.valid_to
            and terms.is_end
    where
        (terms.month_end >= terms.valid_from and terms.month_end < terms.valid_to)
        or renewal_gaps.valid_from is not null

),

-- In the segment of the account that the customer was taken for on the day.
valued as (

    select
        counted.fiscal_quarter,
        counted.source,
        counted.customer_id,
        counted.snapshot_date,
        counted.is_base,
        counted.subscription_key,
        coalesce(account_segments.segment, '(unassigned)') as segment,
        {{ monthly_amount(
            'counted.price',
            'rates.rate_to_base',
            'counted.intervals_in_twelve_months',
            '(12 * cast(counted.interval_count as bigint))'
        ) }} as mrr_amount
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
            and counted.snapshot_date >= customer_accounts.known_from
            and counted.snapshot_date < customer_accounts.known_to
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

-- The largest subscription, then the one with the lowest id, says in which segment a customer is.
ranked as (

    select
        valued.*,
        row_number() over (
            partition by
                valued.fiscal_quarter,
                valued.source,
                valued.customer_id,
                valued.snapshot_date,
                valued.is_base
            order by valued.mrr_amount desc nulls last, valued.subscription_key asc nulls last
        ) as size_rank
    from valued

),

payers as (

    select
        ranked.fiscal_quarter,
        ranked.source,
        ranked.customer_id
    from ranked
    group by ranked.fiscal_quarter, ranked.source, ranked.customer_id

),

-- On a day on which it pays nothing, who pays on another one has zeros.
customers as (

    select
        -- ids
        days.fiscal_quarter,
        days.source,
        days.customer_id,

        -- attributes
        max(case when ranked.size_rank = 1 and not ranked.is_base then ranked.segment end)
            as mrr_segment,
        max(case when ranked.size_rank = 1 and ranked.is_base then ranked.segment end)
            as base_segment,

        -- numerics
        greatest(
            coalesce(sum(case when not ranked.is_base then ranked.mrr_amount end), 0), 0
        ) as mrr_amount,
        greatest(
            coalesce(sum(case when ranked.is_base then ranked.mrr_amount end), 0), 0
        ) as base_amount,

        -- flags
        max(case when ranked.is_base and ranked.mrr_amount is null then 1 else 0 end) = 1
            as is_base_unpriced,

        -- dates
        quarters.end_date,
        days.snapshot_date
    from payers
    inner join quarters on payers.fiscal_quarter = quarters.fiscal_quarter
    inner join days
        on
            payers.fiscal_quarter = days.fiscal_quarter
            and payers.source = days.source
            and payers.customer_id = days.customer_id
    left join ranked
        on
            days.fiscal_quarter = ranked.fiscal_quarter
            and days.source = ranked.source
            and days.customer_id = ranked.customer_id
            and days.snapshot_date = ranked.snapshot_date
    group by
        days.fiscal_quarter,
        days.source,
        days.customer_id,
        quarters.end_date,
        days.snapshot_date

)

select * from customers
