-- One row per fiscal quarter x segment (`(all)` included) x measure x captured day from 92 days
-- before the quarter's end to 92 after: the forecast as it was known on that day.
with

levels as (

    select * from {{ ref('int_forecast_levels') }}

),

baselines as (

    select * from {{ ref('int_forecast_baselines') }}

),

calls as (

    select * from {{ ref('int_forecast_calls') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}
    where is_captured

),

coverage as (

    select * from {{ ref('int_coverage_segments') }}

),

captured_days as (

    select source_days.date_day from source_days
    group by source_days.date_day

),

-- What was won by the quarter's last day, as it was known on that day, and as it is known now.
quarters as (

    select
        levels.quarter_number,
        levels.segment,
        max(case when levels.snapshot_date = levels.end_date then levels.won_amount end)
            as actual_amount,
        max(
            case
                when levels.snapshot_date = levels.last_date and levels.end_date <= levels.last_date
                    then levels.won_amount
            end
        ) as restated_actual_amount
    from levels
    group by levels.quarter_number, levels.segment

),

known as (

    select
        levels.*,
        quarters.actual_amount,
        quarters.restated_actual_amount,
        baselines.last_quarter_amount,
        baselines.pace_amount,
        calls.amount as submitted_amount,
        calls.snapshot_date is not null as is_called,
        -- coverage has no row where nothing is open, won or wanted
        case
            when coverage.snapshot_date is null then levels.won_amount
            else levels.won_amount + coverage.expected_amount
        end as expected_amount
    from levels
    inner join captured_days on levels.snapshot_date = captured_days.date_day
    inner join quarters
        on
            levels.quarter_number = quarters.quarter_number
            and levels.segment = quarters.segment
    left join baselines
        on
            levels.quarter_number = baselines.quarter_number
            and levels.segment = baselines.segment
            and levels.snapshot_date = baselines.snapshot_date
    left join calls
        on
            levels.fiscal_quarter = calls.fiscal_quarter
            and levels.snapshot_date = calls.snapshot_date
            and levels.segment = '(all)'
    left join coverage
        on
            levels.fiscal_quarter = coverage.fiscal_quarter
            and levels.segment = coverage.segment
            and levels.snapshot_date = coverage.snapshot_date
    where levels.days_to_quarter_end between -92 and 92

),

amounts as (

    {%- for measure, amount in {
        'won': 'known.won_amount',
        'commit': 'known.won_amount + known.commit_amount',
        'best_case': 'known.won_amount + known.commit_amount + known.best_case_amount',
        'weighted': 'known.won_amount + known.weighted_amount',
        'expected': 'known.expected_amount',
        'all_open': 'known.won_amount + known.open_amount',
        'submitted': 'known.submitted_amount',
        'last_quarter': 'known.last_quarter_amount',
        'pace': 'known.pace_amount',
    }.items() %}
        select
            known.fiscal_quarter,
            known.segment,
            '{{ measure }}' as measure,
            known.days_to_quarter_end,
            known.snapshot_date,
            cast(known.won_amount as decimal(18, 2)) as won_amount,
            cast({{ amount }} as decimal(18, 2)) as forecast_amount,
            cast(known.actual_amount as decimal(18, 2)) as actual_amount,
            cast(known.restated_actual_amount as decimal(18, 2)) as restated_actual_amount
        from known
        {%- if measure == 'expected' %}
            where known.days_to_quarter_end >= 0
        {%- elif measure == 'submitted' %}
            where known.is_called
        {%- endif %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

)

select * from amounts
