-- One row per team's list x fiscal quarter that it has lines of: the latest day up to its own on
-- which most of its lines were what the CRM said.
{{ config(materialized='view') }}
with

agreements as (

    select * from {{ ref('int_reconciliation_agreements') }}
    where is_due and not is_doubled

),

-- A line agrees from the first day of a version to its last: a running sum counts those that do.
events as (

    select
        agreements.list_source,
        agreements.list_id,
        agreements.team,
        agreements.as_of,
        agreements.state_date,
        agreements.fiscal_quarter,
        agreements.valid_from as changed_date,
        1 as line_delta
    from agreements
    union all
    select
        agreements.list_source,
        agreements.list_id,
        agreements.team,
        agreements.as_of,
        agreements.state_date,
        agreements.fiscal_quarter,
        agreements.valid_to as changed_date,
        -1 as line_delta
    from agreements
    where agreements.valid_to <= agreements.as_of

),

changes as (

    select
        events.list_source,
        events.list_id,
        events.team,
        events.as_of,
        events.state_date,
        events.fiscal_quarter,
        events.changed_date,
        sum(events.line_delta) as line_delta
    from events
    group by
        events.list_source,
        events.list_id,
        events.team,
        events.as_of,
        events.state_date,
        events.fiscal_quarter,
        events.changed_date

),

levels as (

    select
        changes.*,
        sum(changes.line_delta) over (
            partition by
                changes.list_source,
                changes.list_id,
                changes.team,
                changes.as_of,
                changes.fiscal_quarter
            order by changes.changed_date nulls last
            rows between unbounded preceding and current row
        ) as equal_lines,
        lead(changes.changed_date) over (
            partition by
                changes.list_source,
                changes.list_id,
                changes.team,
                changes.as_of,
                changes.fiscal_quarter
            order by changes.changed_date nulls last
        ) as next_changed_date
    from changes

),

ranked as (

    select
        levels.*,
        coalesce(
            cast({{ dbt.dateadd('day', -1, 'levels.next_changed_date') }} as date),
            levels.state_date
        ) as equals_day,
        row_number() over (
            partition by
                levels.list_source,
                levels.list_id,
                levels.team,
                levels.as_of,
                levels.fiscal_quarter
            order by levels.equal_lines desc, levels.changed_date desc
        ) as recency
    from levels

),

equal_days as (

    select * from ranked
    where recency = 1

)

select * from equal_days
