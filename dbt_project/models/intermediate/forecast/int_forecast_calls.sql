-- One row per fiscal quarter x captured day, from 92 days before the quarter's end to its end, on
-- which somebody had called it: the sum of the calls that stood on that day, in base currency.
with recursive

submissions as (

    select * from {{ ref('stg_forecast_submission') }}
    where not is_tombstone and {{ forecast_category_key('forecast_category') }} = 'commit'

),

users as (

    select * from {{ ref('stg_user') }}
    where not is_tombstone

),

rates as (

    select * from {{ ref('stg_fx_rates') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}
    where is_captured

),

captured_days as (

    select source_days.date_day from source_days
    group by source_days.date_day

),

rate_intervals as (

    select
        upper(rates.currency_code) as currency_code,
        rates.rate_to_base,
        rates.valid_from,
        coalesce(
            lead(rates.valid_from) over (
                partition by upper(rates.currency_code)
                order by rates.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as valid_to
    from rates

),

-- Whoever is above whom, and when; eight levels are more than any company has, and end a circle.
superiors as (

    select
        users.source,
        users.user_id,
        users.manager_id as superior_id,
        users.valid_from,
        users.valid_to,
        1 as distance
    from users
    where users.manager_id is not null
    union all
    select
        superiors.source,
        superiors.user_id,
        users.manager_id as superior_id,
        greatest(superiors.valid_from, users.valid_from) as valid_from,
        least(superiors.valid_to, users.valid_to) as valid_to,
        superiors.distance + 1 as distance
    from superiors
    inner join users
        on
            superiors.source = users.source
            and superiors.superior_id = users.user_id
            and superiors.valid_from < users.valid_to
            and superiors.valid_to > users.valid_from
    where users.manager_id is not null and superiors.distance < 8

),

-- Who calls: a user, a team, or the whole company where neither is said.
placed as (

    select
        submissions.*,
        coalesce('user ' || submissions.owner_id, 'team ' || submissions.team, 'all') as caller,
        quarters.fiscal_quarter,
        quarters.end_date,
        coalesce(
            submissions.period_start_date = quarters.start_date
            and submissions.period_end_date = quarters.end_date,
            false
        ) as is_whole_quarter
    from submissions
    inner join quarters
        on submissions.period_start_date between quarters.start_date and quarters.end_date
    where coalesce(submissions.period_end_date <= quarters.end_date, true)

),

-- The latest call of each caller and period that had been captured by the day.
known as (

    select
        placed.*,
        captured_days.date_day as snapshot_date,
        row_number() over (
            partition by
                placed.source,
                placed.fiscal_quarter,
                captured_days.date_day,
                placed.caller,
                placed.period_start_date
            order by
                placed.is_whole_quarter desc,
                placed.submitted_at desc nulls last,
                placed.valid_from desc,
                placed.submission_id desc
        ) as recency
    from placed
    inner join captured_days
        on
            captured_days.date_day >= placed.valid_from
            and captured_days.date_day < placed.valid_to
            and captured_days.date_day
            between {{ dbt.dateadd('day', -92, 'placed.end_date') }} and placed.end_date

),

-- Who called the quarter as a whole has called its months with it.
calls as (

    select
        known.*,
        count(*) filter (where known.is_whole_quarter) over (
            partition by known.source, known.fiscal_quarter, known.snapshot_date, known.caller
        ) > 0 as has_whole_quarter
    from known
    where known.recency = 1

),

callers as (

    select
        calls.source,
        calls.fiscal_quarter,
        calls.snapshot_date,
        calls.caller,
        calls.owner_id,
        max(calls.team) as team
    from calls
    group by
        calls.source, calls.fiscal_quarter, calls.snapshot_date, calls.caller, calls.owner_id

),

-- Whoever stands above a caller.
above as (

    select
        callers.*,
        'all' as superior
    from callers
    where callers.caller <> 'all'
    union all
    select
        callers.*,
        'team ' || callers.team as superior
    from callers
    where callers.owner_id is not null and callers.team is not null
    union all
    select
        callers.*,
        'user ' || superiors.superior_id as superior
    from callers
    inner join superiors
        on
            callers.source = superiors.source
            and callers.owner_id = superiors.user_id
            and callers.snapshot_date >= superiors.valid_from
            and callers.snapshot_date < superiors.valid_to
    where superiors.superior_id <> callers.owner_id

),

-- A call that is held by one above it, which counts instead.
held as (

    select
        above.source,
        above.fiscal_quarter,
        above.snapshot_date,
        above.caller
    from above
    inner join callers
        on
            above.source = callers.source
            and above.fiscal_quarter = callers.fiscal_quarter
            and above.snapshot_date = callers.snapshot_date
            and above.superior = callers.caller
    group by above.source, above.fiscal_quarter, above.snapshot_date, above.caller

),

converted as (

    select
        calls.fiscal_quarter,
        calls.snapshot_date,
        case
            when coalesce(upper(calls.currency_code), '{{ var("base_currency") }}')
                = '{{ var("base_currency") }}'
                then calls.source_amount
            else {{ rounded_product('calls.source_amount', 'rate_intervals.rate_to_base') }}
        end as amount
    from calls
    left join held
        on
            calls.source = held.source
            and calls.fiscal_quarter = held.fiscal_quarter
            and calls.snapshot_date = held.snapshot_date
            and calls.caller = held.caller
    left join rate_intervals
        on
            upper(calls.currency_code) = rate_intervals.currency_code
            and calls.snapshot_date >= rate_intervals.valid_from
            and calls.snapshot_date < rate_intervals.valid_to
    where
        held.caller is null
        and (calls.is_whole_quarter or not calls.has_whole_quarter)

),

called as (

    select
        converted.fiscal_quarter,
        converted.snapshot_date,
        -- one that cannot be converted leaves the sum unknown
        case when count(*) = count(converted.amount) then sum(converted.amount) end as amount
    from converted
    group by converted.fiscal_quarter, converted.snapshot_date

)

select * from called
