-- One row per line of a team's list x version of its opportunity that has the line's amount and
-- currency, up to the list's day; is_due where it was also open and due in the line's quarter.
{{ config(materialized='view') }}
with

lines as (

    select * from {{ ref('int_reconciliation_lines') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

agreements as (

    select
        lines.list_source,
        lines.list_id,
        lines.line_number,
        lines.team,
        lines.as_of,
        lines.state_date,
        lines.fiscal_quarter,
        lines.is_doubled,
        history.valid_from,
        history.valid_to,
        history.is_open and history.close_fiscal_quarter = lines.fiscal_quarter as is_due
    from history
    inner join lines
        on
            history.source = lines.source
            and history.opportunity_id = lines.opportunity_id
            and history.currency_code = lines.currency_code
            and (
                history.source_amount = lines.source_amount
                or (history.source_amount is null and lines.source_amount is null)
            )
            and history.valid_from <= lines.as_of

)

select * from agreements
