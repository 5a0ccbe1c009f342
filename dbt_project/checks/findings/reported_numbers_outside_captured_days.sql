-- Numbers of reported_numbers.csv for days that were not captured: no bridge leads to them.
with

reported as (

    select * from {{ ref('stg_reported_numbers') }}

),

bounds as (

    select
        min(coverage_days.snapshot_date) as first_date,
        max(coverage_days.snapshot_date) as last_date
    from {{ ref('int_coverage_days') }} as coverage_days

)

select
    reported.team,
    reported.as_of,
    reported.fiscal_quarter,
    {{ finding(
        "'reported_numbers.csv: '", 'reported.team', "' of '", 'reported.as_of',
        "': captured days are '", 'bounds.first_date', "' to '", 'bounds.last_date',
        "', so nothing is said of this number.'"
    ) }} as finding
from reported
inner join bounds
    on reported.as_of < bounds.first_date or reported.as_of > bounds.last_date
group by
    reported.team,
    reported.as_of,
    reported.fiscal_quarter,
    bounds.first_date,
    bounds.last_date
