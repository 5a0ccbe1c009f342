-- One row per fiscal_quarter that generation looks at x segment, `(all)` included: the gap that is
-- left, and how much a week must create to close it.
with

yields as (

    select * from {{ ref('int_generation_yields') }}

),

created as (

    select * from {{ ref('int_generation_weeks') }}
    where dimension = '(all)'

),

coverage as (

    select * from {{ ref('int_coverage_segments') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

captured as (

    select min(sources.first_captured_date) as first_date from sources

),

-- A week of which nothing is known adds nothing.
remaining as (

    select
        yields.fiscal_quarter,
        yields.segment,
        yields.as_of_date,
        max(case when yields.yield_rate > 0 then yields.week_start_date end) as last_useful_week,
        case
            when count(*) filter (where yields.is_to_come) = 0 then 0
            else
                sum(case when yields.is_to_come then cast(yields.yield_rate as decimal(38, 15)) end)
        end as remaining_yield
    from yields
    group by yields.fiscal_quarter, yields.segment, yields.as_of_date

),

-- The latest weeks that are over, if each of them was captured from its Monday on.
mean_weeks as (

    select
        remaining.fiscal_quarter,
        remaining.segment,
        policy.creation_mean_weeks,
        captured.first_date,
        cast({{ dbt.date_trunc(
            'week', dbt.dateadd('day', 1, 'remaining.as_of_date')
        ) }} as date) as until_date,
        cast({{ dbt.dateadd('day', '-7 * policy.creation_mean_weeks', dbt.date_trunc(
            'week', dbt.dateadd('day', 1, 'remaining.as_of_date')
        )) }} as date) as from_date
    from remaining
    cross join captured
    inner join policy
        on remaining.as_of_date >= policy.valid_from and remaining.as_of_date < policy.valid_to

),

recent as (

    select
        mean_weeks.fiscal_quarter,
        mean_weeks.segment,
        mean_weeks.creation_mean_weeks,
        cast(coalesce(sum(created.created_amount), 0) as decimal(18, 2)) as recent_created_amount
    from mean_weeks
    left join created
        on
            mean_weeks.segment = created.segment
            and mean_weeks.from_date <= created.week_start_date
            and mean_weeks.until_date > created.week_start_date
    where mean_weeks.from_date > mean_weeks.first_date
    group by mean_weeks.fiscal_quarter, mean_weeks.segment, mean_weeks.creation_mean_weeks

),

gaps as (

    select
        remaining.*,
        coverage.target_amount,
        coverage.compared_won_amount as won_amount,
        coverage.compared_expected_amount as expected_amount,
        coverage.remaining_target_amount,
        cast(coverage.remaining_target_amount - coverage.compared_expected_amount as decimal(18, 2))
            as gap_amount,
        recent.recent_created_amount,
        recent.creation_mean_weeks
    from remaining
    left join coverage
        on
            remaining.fiscal_quarter = coverage.fiscal_quarter
            and remaining.segment = coverage.segment
            and remaining.as_of_date = coverage.snapshot_date
    left join recent
        on
            remaining.fiscal_quarter = recent.fiscal_quarter
            and remaining.segment = recent.segment

),

needs as (

    select
        gaps.*,
        case
            when gaps.gap_amount > 0 and gaps.remaining_yield > 0
                then {{ rounded_share(
                    'gaps.gap_amount',
                    '10000000000000',
                    '(gaps.remaining_yield * 10000000000000)',
                ) }}
        end as needed_amount_per_week
    from gaps

)

select * from needs
