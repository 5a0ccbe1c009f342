-- One row per fiscal_quarter that generation looks at x segment (`(all)` included) x
-- week_start_date: what the latest whole quarters won of what they created in such a week.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

coverage as (

    select * from {{ ref('int_coverage_segments') }}

),

created as (

    select * from {{ ref('int_generation_weeks') }}
    where dimension = '(all)'

),

dates as (

    select * from {{ ref('dim_date') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

captured as (

    select
        min(coverage_days.snapshot_date) as first_date,
        max(coverage_days.snapshot_date) as last_date
    from coverage_days

),

-- A past quarter is looked at on its last day, the running one and later ones on the last of all.
looks as (

    select
        quarters.fiscal_quarter,
        quarters.end_date,
        coverage_days.snapshot_date as as_of_date,
        coverage_days.snapshot_date = quarters.end_date as is_final,
        coverage_days.current_quarter_number,
        captured.first_date,
        captured.last_date
    from quarters
    cross join captured
    inner join coverage_days
        on
            quarters.fiscal_quarter = coverage_days.fiscal_quarter
            and coverage_days.snapshot_date = least(quarters.end_date, captured.last_date)

),

segments as (

    select
        looks.fiscal_quarter,
        coverage.segment
    from looks
    inner join coverage
        on
            looks.fiscal_quarter = coverage.fiscal_quarter
            and looks.as_of_date = coverage.snapshot_date
    union
    select
        created.fiscal_quarter,
        created.segment
    from created

),

weeks as (

    select
        looks.fiscal_quarter,
        dates.week_start_date,
        looks.as_of_date,
        looks.is_final,
        min(dates.date_day) > looks.as_of_date as is_to_come,
        {{ dbt.dateadd('day', 28, 'max(dates.date_day)') }} <= looks.last_date as is_later_known,
        cast(floor({{ dbt.datediff(
            'dates.week_start_date', 'looks.end_date', 'day'
        ) }} / 7) as integer) as weeks_to_quarter_end
    from looks
    inner join dates on looks.fiscal_quarter = dates.fiscal_quarter
    group by
        looks.fiscal_quarter,
        dates.week_start_date,
        looks.as_of_date,
        looks.is_final,
        looks.end_date,
        looks.first_date,
        looks.last_date
    having max(dates.date_day) >= looks.first_date

),

past_weeks as (

    select
        looks.fiscal_quarter,
        created.segment,
        created.created_opportunities,
        created.created_amount,
        created.reported_created_won_amount,
        policy.small_pool_opportunities,
        cast(floor({{ dbt.datediff(
            'created.week_start_date', 'past_quarters.end_date', 'day'
        ) }} / 7) as integer) as weeks_to_quarter_end
    from looks
    inner join policy
        on looks.as_of_date >= policy.valid_from and looks.as_of_date < policy.valid_to
    inner join quarters as past_quarters
        on
            past_quarters.is_whole
            and past_quarters.quarter_number
            between looks.current_quarter_number - policy.coverage_pool_quarters
            and looks.current_quarter_number - 1
    inner join created on past_quarters.fiscal_quarter = created.fiscal_quarter

),

pooled as (

    select
        past_weeks.fiscal_quarter,
        past_weeks.segment,
        past_weeks.weeks_to_quarter_end,
        past_weeks.small_pool_opportunities,
        cast(sum(past_weeks.created_opportunities) as integer) as yield_opportunities,
        cast(sum(past_weeks.created_amount) as decimal(18, 2)) as yield_created_amount,
        cast(sum(past_weeks.reported_created_won_amount) as decimal(18, 2)) as yield_won_amount
    from past_weeks
    group by
        past_weeks.fiscal_quarter,
        past_weeks.segment,
        past_weeks.weeks_to_quarter_end,
        past_weeks.small_pool_opportunities

),

-- The segment's own where it rests on enough opportunities, else that of all segments.
chosen as (

    select
        weeks.fiscal_quarter,
        segments.segment,
        weeks.week_start_date,
        weeks.as_of_date,
        weeks.is_final,
        weeks.weeks_to_quarter_end,
        weeks.is_to_come,
        weeks.is_later_known,
        own.segment is null as is_yield_of_all_segments,
        coalesce(own.yield_opportunities, company.yield_opportunities, 0) as yield_opportunities,
        coalesce(own.yield_created_amount, company.yield_created_amount, 0)
            as yield_created_amount,
        coalesce(own.yield_won_amount, company.yield_won_amount, 0) as yield_won_amount
    from weeks
    inner join segments on weeks.fiscal_quarter = segments.fiscal_quarter
    left join pooled as own
        on
            weeks.fiscal_quarter = own.fiscal_quarter
            and weeks.weeks_to_quarter_end = own.weeks_to_quarter_end
            and segments.segment = own.segment
            and own.segment <> '(all)'
            and own.yield_opportunities >= own.small_pool_opportunities
    left join pooled as company
        on
            weeks.fiscal_quarter = company.fiscal_quarter
            and weeks.weeks_to_quarter_end = company.weeks_to_quarter_end
            and company.segment = '(all)'

),

yields as (

    select
        chosen.*,
        cast(chosen.yield_won_amount as double)
        / nullif(cast(chosen.yield_created_amount as double), 0) as yield_rate
    from chosen

)

select * from yields
