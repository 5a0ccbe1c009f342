-- One row per snapshot_date x line of a team's list: the first reason why it is not what the one
-- pipeline number counts, and both amounts.
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

absences as (

    select * from {{ ref('int_opportunity_absences') }}

),

rates as (

    select * from {{ ref('int_opportunity_fx_rates') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

agreements as (

    select * from {{ ref('int_reconciliation_agreements') }}

),

equal_days as (

    select
        agreements.list_source,
        agreements.list_id,
        agreements.line_number,
        max(least(
            agreements.valid_to,
            agreements.as_of,
            cast({{ dbt.dateadd('day', 1, 'agreements.state_date') }} as date)
        )) as end_date
    from agreements
    where agreements.valid_from < agreements.as_of
    group by agreements.list_source, agreements.list_id, agreements.line_number

),

-- Few of millions: found before they are joined to the lines.
listed as (

    select
        lines.source,
        lines.opportunity_id
    from lines
    group by lines.source, lines.opportunity_id

),

standings as (

    select history.*
    from history
    inner join listed
        on history.source = listed.source and history.opportunity_id = listed.opportunity_id

),

-- What is of no known source converts at the rates of the list's own, else of the first one of the
-- day.
rate_sources as (

    select
        lists.snapshot_date,
        min(sources.source) as first_source,
        min(case
            when
                lists.snapshot_date >= sources.first_captured_date
                and lists.snapshot_date <= sources.last_captured_date
                then sources.source
        end) as day_source
    from lists
    cross join sources
    group by lists.snapshot_date

),

judged as (

    select
        lists.snapshot_date,
        lines.*,
        case
            when standings.opportunity_id is null and absences.opportunity_id is null
                then 'unknown_id'
            when lines.is_doubled then 'doubled'
            when standings.opportunity_id is null then absences.absence_kind
            when not standings.is_open then standings.stage_category
            when standings.close_fiscal_quarter <> lines.fiscal_quarter then 'other_quarter'
            when standings.currency_code <> lines.currency_code then 'currency'
            when
                standings.source_amount <> lines.source_amount
                or (standings.source_amount is null) <> (lines.source_amount is null)
                then 'amount'
            else 'equal'
        end as reason,
        cast({{ dbt.dateadd('day', -1, 'equal_days.end_date') }} as date) as equals_day,
        standings.amount as standing_amount,
        case
            when lines.currency_code = '{{ var("base_currency") }}' then lines.source_amount
            else {{ rounded_product('lines.source_amount', 'rates.rate_to_base') }}
        end as listed_amount
    from lists
    inner join lines
        on
            lists.list_source = lines.list_source
            and lists.list_id = lines.list_id
            and lists.team = lines.team
            and lists.as_of = lines.as_of
            and lists.fiscal_quarter = lines.fiscal_quarter
    inner join rate_sources on lists.snapshot_date = rate_sources.snapshot_date
    left join sources as own on lines.list_source = own.source
    left join equal_days
        on
            lines.list_source = equal_days.list_source
            and lines.list_id = equal_days.list_id
            and lines.line_number = equal_days.line_number
    left join standings
        on
            lines.source = standings.source
            and lines.opportunity_id = standings.opportunity_id
            and lists.snapshot_date >= standings.valid_from
            and lists.snapshot_date < standings.valid_to
    left join absences
        on
            lines.source = absences.source
            and lines.opportunity_id = absences.opportunity_id
            and lists.snapshot_date >= absences.valid_from
            and lists.snapshot_date < absences.valid_to
    left join rates
        on
            coalesce(
                lines.source, own.source, rate_sources.day_source, rate_sources.first_source
            ) = rates.source
            and lines.currency_code = rates.currency_code
            and lists.snapshot_date >= rates.valid_from
            and lists.snapshot_date < rates.valid_to

),

line_items as (

    select
        judged.list_source,
        judged.list_id,
        judged.team,
        judged.as_of,
        judged.fiscal_quarter,
        judged.snapshot_date,
        judged.line_number,
        judged.source,
        judged.opportunity_id,
        judged.listed_opportunity_id,
        judged.is_matched_by_name,
        judged.currency_code,
        judged.source_amount is not null and judged.listed_amount is null as is_without_rate,
        judged.reason,
        judged.equals_day,
        'list' as road,
        null as step_order,
        case when judged.reason in ('currency', 'amount', 'equal') then 1 else 0 end
            as our_opportunities,
        1 as their_opportunities,
        case
            when judged.reason in ('currency', 'amount', 'equal')
                then coalesce(judged.standing_amount, 0)
            else 0
        end as our_amount,
        coalesce(judged.listed_amount, 0) as their_amount
    from judged

)

select * from line_items
