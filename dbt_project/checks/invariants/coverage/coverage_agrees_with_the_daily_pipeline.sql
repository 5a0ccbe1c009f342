-- Open pipeline that coverage and the daily pipeline tell differently, by day, fiscal quarter and
-- segment. The quarter's own segments that coverage lacks count as nothing.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

daily as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        pipeline_daily.segment,
        sum(pipeline_daily.open_opportunities) as open_opportunities,
        sum(pipeline_daily.open_amount) as open_amount
    from coverage_days
    inner join {{ ref('fct_pipeline_daily') }} as pipeline_daily
        on
            coverage_days.snapshot_date = pipeline_daily.snapshot_date
            and coverage_days.fiscal_quarter = pipeline_daily.close_fiscal_quarter
    group by
        coverage_days.snapshot_date, coverage_days.fiscal_quarter, pipeline_daily.segment
    union all
    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        '(all)' as segment,
        coalesce(sum(pipeline_daily.open_opportunities), 0) as open_opportunities,
        coalesce(sum(pipeline_daily.open_amount), 0) as open_amount
    from coverage_days
    left join {{ ref('fct_pipeline_daily') }} as pipeline_daily
        on
            coverage_days.snapshot_date = pipeline_daily.snapshot_date
            and coverage_days.fiscal_quarter = pipeline_daily.close_fiscal_quarter
    group by coverage_days.snapshot_date, coverage_days.fiscal_quarter

),

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    coalesce(coverage.snapshot_date, daily.snapshot_date) as snapshot_date,
    coalesce(coverage.fiscal_quarter, daily.fiscal_quarter) as fiscal_quarter,
    coalesce(coverage.segment, daily.segment) as segment,
    daily.open_opportunities as expected_opportunities,
    coverage.open_opportunities,
    daily.open_amount as daily_amount,
    coverage.open_amount
from coverage
full join daily
    on
        coverage.snapshot_date = daily.snapshot_date
        and coverage.fiscal_quarter = daily.fiscal_quarter
        and coverage.segment = daily.segment
where
    coverage.snapshot_date is null
    or coverage.open_opportunities <> coalesce(daily.open_opportunities, 0)
    or coverage.open_amount <> coalesce(daily.open_amount, 0)
