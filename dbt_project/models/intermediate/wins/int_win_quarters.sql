-- One row per fiscal quarter x day as of which its win rate is told: its last captured day, where
-- it had any, and the last captured day of all.
{{ config(materialized='view') }}
with

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

captured as (

    select
        min(sources.first_captured_date) as first_date,
        max(sources.last_captured_date) as last_date
    from sources

),

-- What has no close date is due later than every date, in a quarter that never ends.
all_quarters as (

    select
        quarters.fiscal_quarter,
        quarters.end_date
    from quarters
    union all
    select
        '(none)' as fiscal_quarter,
        {{ end_of_time() }} as end_date

),

win_quarters as (

    select
        all_quarters.fiscal_quarter,
        captured.last_date as as_of_date,
        all_quarters.end_date >= captured.last_date as is_reported,
        true as is_restated,
        all_quarters.end_date <= captured.last_date as is_final,
        all_quarters.end_date >= captured.first_date as has_report
    from all_quarters
    cross join captured
    union all
    select
        all_quarters.fiscal_quarter,
        all_quarters.end_date as as_of_date,
        true as is_reported,
        false as is_restated,
        true as is_final,
        true as has_report
    from all_quarters
    inner join captured
        on
            all_quarters.end_date >= captured.first_date
            and all_quarters.end_date < captured.last_date

)

select * from win_quarters
