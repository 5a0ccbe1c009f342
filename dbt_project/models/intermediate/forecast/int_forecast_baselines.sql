-- One row per fiscal quarter x segment (`(all)` included) x day from 92 days before the quarter's
-- end to 92 after: what a look at past quarters alone would forecast.
with

levels as (

    select * from {{ ref('int_forecast_levels') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

days as (

    select levels.*
    from levels
    where levels.days_to_quarter_end between -92 and 92

),

-- What was won by a quarter's last day, as it was known on that day.
quarter_ends as (

    select levels.*
    from levels
    where levels.snapshot_date = levels.end_date

),

-- The latest quarter before this one whose end had been captured before the day.
previous as (

    select
        days.quarter_number,
        days.snapshot_date,
        max(quarter_ends.quarter_number) as previous_number
    from days
    inner join quarter_ends
        on
            days.segment = quarter_ends.segment
            and days.quarter_number > quarter_ends.quarter_number
            and days.snapshot_date > quarter_ends.snapshot_date
    where days.segment = '(all)'
    group by days.quarter_number, days.snapshot_date

),

-- The same day of the latest whole quarters, and what they came to.
paces as (

    select
        days.quarter_number,
        days.segment,
        days.snapshot_date,
        sum(past_levels.won_amount) as won_amount,
        sum(quarter_ends.won_amount) as actual_amount
    from days
    inner join previous
        on
            days.quarter_number = previous.quarter_number
            and days.snapshot_date = previous.snapshot_date
    inner join policy
        on days.snapshot_date >= policy.valid_from and days.snapshot_date < policy.valid_to
    inner join levels as past_levels
        on
            days.segment = past_levels.segment
            and days.days_to_quarter_end = past_levels.days_to_quarter_end
            and past_levels.is_whole
            and past_levels.quarter_number
            between previous.previous_number - policy.coverage_pool_quarters + 1
            and previous.previous_number
    inner join quarter_ends
        on
            past_levels.quarter_number = quarter_ends.quarter_number
            and past_levels.segment = quarter_ends.segment
    group by days.quarter_number, days.segment, days.snapshot_date

),

baselines as (

    select
        days.quarter_number,
        days.segment,
        days.snapshot_date,
        coalesce(past_levels.won_amount, 0) as last_quarter_amount,
        {{ rounded_share('days.won_amount', 'paces.actual_amount', 'paces.won_amount') }}
            as pace_amount
    from days
    inner join previous
        on
            days.quarter_number = previous.quarter_number
            and days.snapshot_date = previous.snapshot_date
    left join levels as past_levels
        on
            previous.previous_number = past_levels.quarter_number
            and previous.snapshot_date = past_levels.snapshot_date
            and days.segment = past_levels.segment
    left join paces
        on
            days.quarter_number = paces.quarter_number
            and days.segment = paces.segment
            and days.snapshot_date = paces.snapshot_date

)

select * from baselines
