-- One row per snapshot_date x fiscal quarter that coverage looks at on it: the day's own quarter
-- and the three after it.
with

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

coverage_days as (

    select
        -- ids
        pipeline_days.snapshot_date,
        quarters.fiscal_quarter,
        quarters.quarter_number,
        current_quarters.quarter_number as current_quarter_number,

        -- numerics
        cast({{ dbt.datediff(
            'quarters.start_date', 'pipeline_days.snapshot_date', 'day'
        ) }} + 1 as integer) as quarter_day,

        -- flags
        pipeline_days.is_complete
    from pipeline_days
    inner join fiscal_days on pipeline_days.snapshot_date = fiscal_days.date_day
    inner join quarters as current_quarters
        on fiscal_days.fiscal_quarter = current_quarters.fiscal_quarter
    inner join quarters
        on
            quarters.quarter_number between current_quarters.quarter_number
            and current_quarters.quarter_number + 3

)

select * from coverage_days
