-- Bridges whose items do not lead from the one pipeline number to the team's: a list that does not
-- begin at the one number or does not end at its own sum, and steps that are not their items.
with

report as (

    select * from {{ ref('rpt_pipeline_reconciliation') }}

),

items as (

    select * from {{ ref('fct_reconciliation_items') }}

),

steps as (

    select
        items.snapshot_date,
        items.fiscal_quarter,
        items.team,
        items.list_source,
        items.list_id,
        items.step_order,
        sum(items.amount) as amount,
        sum(items.opportunity_delta) as opportunities
    from items
    group by
        items.snapshot_date,
        items.fiscal_quarter,
        items.team,
        items.list_source,
        items.list_id,
        items.step_order

),

lists as (

    select
        items.snapshot_date,
        items.fiscal_quarter,
        items.team,
        items.list_source,
        items.list_id,
        sum(items.our_amount) as our_amount,
        sum(items.their_amount) as their_amount
    from items
    where items.road = 'list'
    group by
        items.snapshot_date,
        items.fiscal_quarter,
        items.team,
        items.list_source,
        items.list_id

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    'step' as problem,
    steps.snapshot_date,
    steps.fiscal_quarter,
    steps.team,
    steps.list_id
from steps
left join report
    on
        steps.snapshot_date = report.snapshot_date
        and steps.fiscal_quarter = report.fiscal_quarter
        and steps.team = report.team
        and steps.list_source = report.list_source
        and steps.list_id = report.list_id
        and steps.step_order = report.step_order
where
    report.amount is null
    or report.amount <> steps.amount
    or report.opportunities <> steps.opportunities
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'list' as problem,
    lists.snapshot_date,
    lists.fiscal_quarter,
    lists.team,
    lists.list_id
from lists
left join report
    on
        lists.snapshot_date = report.snapshot_date
        and lists.fiscal_quarter = report.fiscal_quarter
        and lists.team = report.team
        and lists.list_source = report.list_source
        and lists.list_id = report.list_id
        and report.step_order = 0
where
    report.start_amount is null
    or report.start_amount <> lists.our_amount
    or report.their_amount <> lists.their_amount
