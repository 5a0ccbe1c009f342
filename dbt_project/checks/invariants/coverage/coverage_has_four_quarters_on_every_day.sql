-- Days of coverage that lack the row `(all)` of their own fiscal quarter or of one of the three
-- after it, or that have one too many.
with

covered as (

    select
        coverage.snapshot_date,
        count(*) filter (where coverage.segment = '(all)') as quarter_count,
        count(distinct coverage.fiscal_quarter) as distinct_count,
        count(*) filter (
            where coverage.segment = '(all)' and coverage.fiscal_quarter = dates.fiscal_quarter
        ) as own_count,
        min(quarters.quarter_number) as first_number,
        max(quarters.quarter_number) as last_number
    from {{ ref('rpt_pipeline_coverage') }} as coverage
    inner join {{ ref('dim_date') }} as dates on coverage.snapshot_date = dates.date_day
    inner join {{ ref('int_fiscal_quarters') }} as quarters
        on coverage.fiscal_quarter = quarters.fiscal_quarter
    group by coverage.snapshot_date

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    pipeline_days.snapshot_date,
    covered.quarter_count,
    covered.distinct_count,
    covered.own_count,
    covered.first_number,
    covered.last_number
from {{ ref('int_pipeline_days') }} as pipeline_days
left join covered on pipeline_days.snapshot_date = covered.snapshot_date
where
    covered.snapshot_date is null
    or covered.quarter_count <> 4
    or covered.distinct_count <> 4
    or covered.own_count <> 1
    or covered.last_number <> covered.first_number + 3
