-- Rows of coverage whose status or ratios do not follow from their own amounts, and shares of past
-- pipeline that were won outside 0 to 1 (only negative amounts could make them so).
with

whole as (

    select
        report.snapshot_date,
        report.fiscal_quarter,
        report.segment,
        report.segment <> '(all)' or max(targets.target_amount) is not null as is_whole
    from {{ ref('rpt_pipeline_coverage') }} as report
    left join {{ ref('int_coverage_targets') }} as targets
        on
            report.fiscal_quarter = targets.fiscal_quarter
            and targets.segment = '(all)'
            and report.snapshot_date >= targets.valid_from
            and report.snapshot_date < targets.valid_to
    group by report.snapshot_date, report.fiscal_quarter, report.segment

),

-- A target that is the sum of the segments' compares with what those segments have.
coverage as (

    select
        report.*,
        case when whole.is_whole then report.open_amount else report.targeted_open_amount end
            as compared_open_amount,
        case when whole.is_whole then report.won_amount else report.targeted_won_amount end
            as compared_won_amount,
        case
            when whole.is_whole then report.expected_amount else report.targeted_expected_amount
        end as compared_expected_amount
    from {{ ref('rpt_pipeline_coverage') }} as report
    inner join whole
        on
            report.snapshot_date = whole.snapshot_date
            and report.fiscal_quarter = whole.fiscal_quarter
            and report.segment = whole.segment

),

negative as (

    select count(*) as version_count from {{ ref('int_opportunity_history') }}
    where amount < 0

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    coverage.snapshot_date,
    coverage.fiscal_quarter,
    coverage.segment,
    coverage.status,
    coverage.target_amount,
    coverage.won_amount,
    coverage.open_amount,
    coverage.expected_amount,
    coverage.yield_open_amount,
    coverage.yield_won_amount
from coverage
cross join negative
where
    (coverage.status = 'no_target') <> (coverage.target_amount is null)
    or (coverage.status = 'covered')
    <> coalesce(coverage.target_amount - coverage.compared_won_amount <= 0, false)
    or coverage.remaining_target_amount
    <> coverage.target_amount - coverage.compared_won_amount
    or (coverage.coverage_ratio is null) <> (coverage.status <> 'open')
    or (coverage.expected_coverage_ratio is null)
    <> (coverage.status <> 'open' or coverage.compared_expected_amount is null)
    or (coverage.total_coverage_ratio is null) <> (coalesce(coverage.target_amount, 0) = 0)
    or (coverage.required_coverage_ratio is null)
    <> (coverage.yield_open_amount = 0 or coverage.yield_won_amount = 0)
    or abs(
        coverage.coverage_ratio * coverage.remaining_target_amount
        - coverage.compared_open_amount
    ) > 0.01 + 0.000000001 * abs(coverage.compared_open_amount)
    or coverage.open_amount <> coverage.targeted_open_amount + coverage.untargeted_open_amount
    or (
        coverage.segment <> '(all)'
        and (
            coverage.targeted_open_amount
            <> case when coverage.status = 'no_target' then 0 else coverage.open_amount end
            or coverage.targeted_won_amount
            <> case when coverage.status = 'no_target' then 0 else coverage.won_amount end
        )
    )
    or (
        negative.version_count = 0
        and (
            coverage.yield_won_amount not between 0 and coverage.yield_open_amount
            or coverage.expected_amount not between 0 and coverage.open_amount
            or coverage.open_amount < 0
            or coverage.won_amount < 0
        )
    )
