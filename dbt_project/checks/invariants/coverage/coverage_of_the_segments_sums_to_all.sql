-- Quarters and days on which the segments' counts or amounts do not sum to the row `(all)`.
-- Past-due amounts are not compared: `(all)` has those of segments without a row, too.
with

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}

),

segments as (

    select
        coverage.snapshot_date,
        coverage.fiscal_quarter,
        sum(coverage.open_opportunities) as open_opportunities,
        sum(coverage.open_amount) as open_amount,
        sum(coverage.untargeted_open_amount) as untargeted_open_amount,
        sum(coverage.won_opportunities) as won_opportunities,
        sum(coverage.won_amount) as won_amount,
        sum(coverage.expected_amount) as expected_amount,
        count(*) filter (where coverage.expected_amount is null) as unexpected_count
    from coverage
    where coverage.segment <> '(all)'
    group by coverage.snapshot_date, coverage.fiscal_quarter

)

select
    coverage.snapshot_date,
    coverage.fiscal_quarter,
    coverage.open_amount,
    segments.open_amount as segments_open_amount,
    coverage.won_amount,
    segments.won_amount as segments_won_amount,
    coverage.expected_amount,
    segments.expected_amount as segments_expected_amount
from coverage
left join segments
    on
        coverage.snapshot_date = segments.snapshot_date
        and coverage.fiscal_quarter = segments.fiscal_quarter
where
    coverage.segment = '(all)'
    and (
        coverage.open_opportunities <> coalesce(segments.open_opportunities, 0)
        or coverage.open_amount <> coalesce(segments.open_amount, 0)
        or coverage.untargeted_open_amount <> coalesce(segments.untargeted_open_amount, 0)
        or coverage.won_opportunities <> coalesce(segments.won_opportunities, 0)
        or coverage.won_amount <> coalesce(segments.won_amount, 0)
        or (coverage.expected_amount is null) <> (coalesce(segments.unexpected_count, 0) > 0)
        or coverage.expected_amount <> coalesce(segments.expected_amount, 0)
    )
