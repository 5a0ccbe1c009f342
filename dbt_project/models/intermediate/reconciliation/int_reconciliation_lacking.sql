-- One row per snapshot_date x opportunity that the one pipeline number has and a team's list lacks.
{{ config(materialized='view') }}
with

lists as (

    select * from {{ ref('int_reconciliation_lists') }}

),

lines as (

    select * from {{ ref('int_reconciliation_lines') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

first_versions as (

    select * from {{ ref('int_opportunity_history') }}
    where previous_valid_to is null

),

due as (

    select
        lists.*,
        history.source,
        history.opportunity_id,
        history.amount
    from history
    inner join lists
        on
            history.close_fiscal_quarter = lists.fiscal_quarter
            and history.valid_from <= lists.snapshot_date
            and history.valid_to > lists.snapshot_date
    where history.is_open

),

-- Ours that no line of the quarter means. One that is listed under another quarter says so.
lacking as (

    select
        due.list_source,
        due.list_id,
        due.team,
        due.as_of,
        due.fiscal_quarter,
        due.snapshot_date,
        due.source,
        due.opportunity_id,
        lines.listed_opportunity_id,
        lines.line_number,
        coalesce(lines.is_matched_by_name, false) as is_matched_by_name,
        case
            when lines.line_number is not null then 'other_quarter'
            when first_versions.valid_from > due.as_of then 'created_since'
            else 'not_listed'
        end as reason,
        'list' as road,
        null as step_order,
        null as equals_day,
        1 as our_opportunities,
        0 as their_opportunities,
        coalesce(due.amount, 0) as our_amount,
        0 as their_amount
    from due
    inner join opportunities
        on due.source = opportunities.source and due.opportunity_id = opportunities.opportunity_id
    inner join first_versions on opportunities.opportunity_key = first_versions.opportunity_key
    left join lines
        on
            due.list_source = lines.list_source
            and due.list_id = lines.list_id
            and due.team = lines.team
            and due.as_of = lines.as_of
            and due.source = lines.source
            and due.opportunity_id = lines.opportunity_id
            and not lines.is_doubled
    where coalesce(lines.fiscal_quarter, '') <> due.fiscal_quarter

)

select * from lacking
