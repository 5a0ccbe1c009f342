-- One row per snapshot_date x fiscal quarter that coverage looks at x segment with open
-- opportunities due in the quarter, or past due: before the day's own quarter.
with

daily as (

    select * from {{ ref('fct_pipeline_daily') }}

),

quarters as (

    select * from {{ ref('int_fiscal_quarters') }}

),

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

open_quarters as (

    select
        daily.snapshot_date,
        quarters.quarter_number,
        daily.segment,
        sum(daily.open_opportunities) as open_opportunities,
        sum(daily.open_amount) as open_amount,
        sum(daily.unpriced_open_opportunities) as unpriced_open_opportunities
    from daily
    inner join quarters on daily.close_fiscal_quarter = quarters.fiscal_quarter
    group by daily.snapshot_date, quarters.quarter_number, daily.segment

),

compared as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        open_quarters.segment,
        open_quarters.open_opportunities,
        open_quarters.open_amount,
        open_quarters.unpriced_open_opportunities,
        open_quarters.quarter_number < coverage_days.current_quarter_number as is_past_due
    from coverage_days
    inner join open_quarters
        on
            coverage_days.snapshot_date = open_quarters.snapshot_date
            and (
                coverage_days.quarter_number = open_quarters.quarter_number
                or coverage_days.current_quarter_number > open_quarters.quarter_number
            )

),

due as (

    select
        compared.snapshot_date,
        compared.fiscal_quarter,
        compared.segment,
        coalesce(
            sum(compared.open_opportunities) filter (where not compared.is_past_due), 0
        ) as open_opportunities,
        coalesce(
            sum(compared.open_amount) filter (where not compared.is_past_due), 0
        ) as open_amount,
        coalesce(
            sum(compared.unpriced_open_opportunities) filter (where not compared.is_past_due), 0
        ) as unpriced_open_opportunities,
        coalesce(
            sum(compared.open_opportunities) filter (where compared.is_past_due), 0
        ) as past_due_open_opportunities,
        coalesce(
            sum(compared.open_amount) filter (where compared.is_past_due), 0
        ) as past_due_open_amount
    from compared
    group by compared.snapshot_date, compared.fiscal_quarter, compared.segment

)

select * from due
