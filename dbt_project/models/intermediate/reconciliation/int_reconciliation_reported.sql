-- One row per number of reported_numbers.csv: what the one pipeline number and the team's rules
-- make of it, and what the team showed.
{{ config(materialized='view') }}
with

starts as (

    select * from {{ ref('int_reconciliation_starts') }}
    where reported_amount is not null

),

rule_changes as (

    select * from {{ ref('int_reconciliation_rule_changes') }}
    where is_itemised

),

views as (

    select * from {{ ref('int_reconciliation_views') }}
    where missing_column is null

),

changes as (

    select
        rule_changes.snapshot_date,
        rule_changes.fiscal_quarter,
        rule_changes.team,
        sum(rule_changes.their_amount - rule_changes.our_amount) as amount
    from rule_changes
    group by rule_changes.snapshot_date, rule_changes.fiscal_quarter, rule_changes.team

),

last_steps as (

    select
        starts.snapshot_date,
        starts.team,
        max(views.step_order) as step_order
    from starts
    inner join views
        on
            starts.team = views.team
            and starts.snapshot_date >= views.valid_from
            and starts.snapshot_date < views.valid_to
    group by starts.snapshot_date, starts.team

),

reported as (

    select
        starts.snapshot_date,
        starts.fiscal_quarter,
        starts.team,
        starts.road,
        starts.list_source,
        starts.list_id,
        coalesce(last_steps.step_order, 0) + 1 as step_order,
        'unexplained' as reason,
        null as source,
        null as opportunity_id,
        null as line_number,
        null as listed_opportunity_id,
        false as is_matched_by_name,
        null as equals_day,
        0 as our_opportunities,
        0 as their_opportunities,
        starts.amount + coalesce(changes.amount, 0) as our_amount,
        starts.reported_amount as their_amount
    from starts
    left join changes
        on
            starts.snapshot_date = changes.snapshot_date
            and starts.fiscal_quarter = changes.fiscal_quarter
            and starts.team = changes.team
    left join last_steps
        on starts.snapshot_date = last_steps.snapshot_date and starts.team = last_steps.team

)

select * from reported
