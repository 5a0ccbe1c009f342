-- One row per team's list x fiscal quarter that it has lines of x snapshot_date with which it is
-- compared: its own day, and the last captured one.
{{ config(materialized='view') }}
with

lines as (

    select * from {{ ref('int_reconciliation_lines') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

bounds as (

    select
        min(sources.first_captured_date) as first_date,
        max(sources.last_captured_date) as last_date
    from sources

),

lists as (

    select
        lines.list_source,
        lines.list_id,
        lines.team,
        lines.as_of,
        lines.fiscal_quarter
    from lines
    group by
        lines.list_source,
        lines.list_id,
        lines.team,
        lines.as_of,
        lines.fiscal_quarter

),

-- Nothing is known of the time before the first captured day; the last state stands on later ones.
compared as (

    select
        lists.list_source,
        lists.list_id,
        lists.team,
        lists.as_of,
        lists.fiscal_quarter,
        least(lists.as_of, bounds.last_date) as snapshot_date
    from lists
    inner join bounds on lists.as_of >= bounds.first_date
    union
    select
        lists.list_source,
        lists.list_id,
        lists.team,
        lists.as_of,
        lists.fiscal_quarter,
        bounds.last_date as snapshot_date
    from lists
    cross join bounds

)

select * from compared
