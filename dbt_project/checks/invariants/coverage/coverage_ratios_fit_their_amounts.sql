-- Rows of coverage whose status or ratios do not follow from their own amounts, and shares of past
-- pipeline that were won outside 0 to 1 (only negative amounts could make them so).
with

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}

),

negative as (

    select count(*) as version_count from {{ ref('int_opportunity_history') }}
    where amount < 0

)

select
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
    <> coalesce(coverage.target_amount - coverage.won_amount <= 0, false)
    or coverage.remaining_target_amount <> coverage.target_amount - coverage.won_amount
    or (coverage.coverage_ratio is null) <> (coverage.status <> 'open')
    or (coverage.expected_coverage_ratio is null)
    <> (coverage.status <> 'open' or coverage.expected_amount is null)
    or (coverage.total_coverage_ratio is null) <> (coalesce(coverage.target_amount, 0) = 0)
    or (coverage.required_coverage_ratio is null)
    <> (coverage.yield_open_amount = 0 or coverage.yield_won_amount = 0)
    or abs(
        coverage.coverage_ratio * coverage.remaining_target_amount - coverage.open_amount
    ) > 0.01 + 0.000000001 * abs(coverage.open_amount)
    or coverage.untargeted_open_amount
    <> case
        when coverage.segment = '(all)' then coverage.untargeted_open_amount
        when coverage.status = 'no_target' then coverage.open_amount
        else 0
    end
    or (
        negative.version_count = 0
        and (
            coverage.yield_won_amount not between 0 and coverage.yield_open_amount
            or coverage.expected_amount not between 0 and coverage.open_amount
            or coverage.open_amount < 0
            or coverage.won_amount < 0
        )
    )
