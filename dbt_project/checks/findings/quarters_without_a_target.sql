-- The fiscal quarters, of the four that coverage looks at on the last day, for which no target is
-- in force: all of them in one sentence.
with

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}
    where segment = '(all)'

),

last_day as (

    select max(coverage.snapshot_date) as snapshot_date from coverage

)

select
    count(*) as quarter_count,
    {{ finding(
        "'targets.csv: no target for '",
        dbt.listagg(
            'coverage.fiscal_quarter', "', '", 'order by coverage.fiscal_quarter nulls last'
        ),
        "' is in force on '", 'last_day.snapshot_date', "': their coverage is unknown.'"
    ) }} as finding
from coverage
inner join last_day on coverage.snapshot_date = last_day.snapshot_date
where coverage.status = 'no_target'
group by last_day.snapshot_date
