-- One row per snapshot_date x fiscal_quarter x segment: the day's own fiscal quarter and the three
-- after it, `(all)` and each segment with a target, an open, a won or a past-due opportunity.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

segments as (

    select * from {{ ref('int_coverage_segments') }}

),

required as (

    select * from {{ ref('int_coverage_required') }}

),

unpriced as (

    select * from {{ ref('int_coverage_unpriced') }}

),

judged as (

    select
        segments.*,
        case
            when segments.target_amount is null then 'no_target'
            when segments.remaining_target_amount <= 0 then 'covered'
            else 'open'
        end as status
    from segments

),

coverage as (

    select
        -- ids
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        judged.segment,

        -- attributes
        coverage_days.quarter_day,
        judged.status,
        coverage_days.is_complete,
        judged.segment = '(all)' as is_total,

        -- numerics
        judged.target_amount,
        judged.won_opportunities,
        judged.won_amount,
        judged.remaining_target_amount,
        judged.open_opportunities,
        judged.open_amount,
        judged.targeted_open_amount,
        judged.targeted_won_amount,
        judged.untargeted_open_amount,
        judged.past_due_open_opportunities,
        judged.past_due_open_amount,
        judged.unpriced_open_opportunities,
        unpriced.unpriced_currencies,
        judged.expected_amount,
        judged.targeted_expected_amount,
        required.yield_opportunities,
        required.yield_open_amount,
        required.yield_won_amount,
        required.is_yield_of_all_segments,

        -- ratios
        case
            when judged.status = 'open'
                then
                    cast(judged.compared_open_amount as double)
                    / nullif(cast(judged.remaining_target_amount as double), 0)
        end as coverage_ratio,
        cast(judged.compared_open_amount + judged.compared_won_amount as double)
        / nullif(cast(judged.target_amount as double), 0) as total_coverage_ratio,
        case
            when judged.status = 'open'
                then
                    cast(judged.compared_expected_amount as double)
                    / nullif(cast(judged.remaining_target_amount as double), 0)
        end as expected_coverage_ratio,
        case
            when required.yield_open_amount <> 0
                then
                    cast(required.yield_open_amount as double)
                    / nullif(cast(required.yield_won_amount as double), 0)
        end as required_coverage_ratio
    from judged
    inner join coverage_days
        on
            judged.snapshot_date = coverage_days.snapshot_date
            and judged.fiscal_quarter = coverage_days.fiscal_quarter
    inner join required
        on
            judged.snapshot_date = required.snapshot_date
            and judged.fiscal_quarter = required.fiscal_quarter
            and judged.segment = required.segment
    left join unpriced
        on
            judged.snapshot_date = unpriced.snapshot_date
            and judged.fiscal_quarter = unpriced.fiscal_quarter
            and judged.segment = unpriced.segment

)

select * from coverage
