-- Fiscal quarters, of the four that coverage looks at on the last day, for which no target is in
-- force.
with

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}
    where segment = '(all)'

),

last_day as (

    select max(coverage.snapshot_date) as snapshot_date from coverage

)

select
    coverage.fiscal_quarter,
    {{ finding(
        "'targets.csv: no target for '", 'coverage.fiscal_quarter', "' is in force on '",
        'coverage.snapshot_date', "': its coverage is unknown.'"
    ) }} as finding
from coverage
inner join last_day on coverage.snapshot_date = last_day.snapshot_date
where coverage.status = 'no_target'
