-- One row per snapshot_date x fiscal quarter that coverage looks at x segment with a target in
-- force, an open, a won or a past-due opportunity.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

due as (

    select * from {{ ref('int_coverage_due') }}

),

won as (

    select * from {{ ref('int_coverage_won') }}

),

targets as (

    select * from {{ ref('int_coverage_targets') }}
    where segment <> '(all)'

),

parts as (

    select
        due.snapshot_date,
        due.fiscal_quarter,
        due.segment,
        due.open_opportunities,
        due.open_amount,
        due.unpriced_open_opportunities,
        due.past_due_open_opportunities,
        due.past_due_open_amount,
        0 as won_opportunities,
        0 as won_amount,
        null as target_amount
    from due
    union all
    select
        won.snapshot_date,
        won.fiscal_quarter,
        won.segment,
        0 as open_opportunities,
        0 as open_amount,
        0 as unpriced_open_opportunities,
        0 as past_due_open_opportunities,
        0 as past_due_open_amount,
        won.won_opportunities,
        won.won_amount,
        null as target_amount
    from won
    union all
    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        targets.segment,
        0 as open_opportunities,
        0 as open_amount,
        0 as unpriced_open_opportunities,
        0 as past_due_open_opportunities,
        0 as past_due_open_amount,
        0 as won_opportunities,
        0 as won_amount,
        targets.target_amount
    from coverage_days
    inner join targets
        on
            coverage_days.fiscal_quarter = targets.fiscal_quarter
            and coverage_days.snapshot_date >= targets.valid_from
            and coverage_days.snapshot_date < targets.valid_to

),

cells as (

    select
        parts.snapshot_date,
        parts.fiscal_quarter,
        parts.segment,
        sum(parts.open_opportunities) as open_opportunities,
        sum(parts.open_amount) as open_amount,
        sum(parts.unpriced_open_opportunities) as unpriced_open_opportunities,
        sum(parts.past_due_open_opportunities) as past_due_open_opportunities,
        sum(parts.past_due_open_amount) as past_due_open_amount,
        sum(parts.won_opportunities) as won_opportunities,
        sum(parts.won_amount) as won_amount,
        sum(parts.target_amount) as target_amount
    from parts
    group by parts.snapshot_date, parts.fiscal_quarter, parts.segment

)

select * from cells
