-- One row per snapshot_date x fiscal quarter x team x step of its view x opportunity whose amount,
-- or place in the team's number, the step changes: what was counted before it, and after it. Two
-- rows where the step goes back to the last Monday.
{{ config(materialized='view') }}
{%- set amounts = {
    'amount': 'standings.amount',
    'weighted': 'standings.weighted_amount',
    'expected': 'standings.expected_amount',
    'at_creation': 'first_versions.amount',
} %}
with

standings as (

    select * from {{ ref('int_reconciliation_standings') }}

),

views as (

    select * from {{ ref('int_reconciliation_views') }}
    where missing_column is null

),

failures as (

    select * from {{ ref('int_reconciliation_failures') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

first_history as (

    select * from {{ ref('int_opportunity_history') }}
    where previous_valid_to is null

),

first_versions as (

    select
        opportunities.source,
        opportunities.opportunity_id,
        first_history.amount
    from first_history
    inner join opportunities on first_history.opportunity_key = opportunities.opportunity_key

),

stepped as (

    select
        standings.snapshot_date,
        standings.fiscal_quarter,
        standings.is_itemised,
        standings.day,
        views.team,
        views.step_order,
        views.step,
        standings.source,
        standings.opportunity_id,
        {%- for prefix in ['previous_', ''] %}
            standings.day = views.{{ prefix ~ 'day' }}
            and case views.{{ prefix ~ 'population' }}
                when 'due' then standings.is_due
                when 'created' then standings.is_created
                when 'any_quarter' then standings.is_open
            end
            and (
                failures.step_order is null
                or failures.step_order > views.step_order{{ ' - 1' if prefix }}
            ) as {{ prefix }}counts,
            coalesce(case views.{{ prefix ~ 'amount_basis' }}
                {%- for basis, amount in amounts.items() %}
                    when '{{ basis }}' then {{ amount }}
                {%- endfor %}
            end, 0) as {{ prefix }}amount
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from standings
    inner join views
        on
            standings.snapshot_date >= views.valid_from
            and standings.snapshot_date < views.valid_to
            and views.step_order > 0
    left join failures
        on
            standings.source = failures.source
            and standings.opportunity_id = failures.opportunity_id
            and standings.valid_from = failures.valid_from
            and views.team = failures.team
            and views.valid_from = failures.view_from
    left join first_versions
        on
            standings.source = first_versions.source
            and standings.opportunity_id = first_versions.opportunity_id

),

changes as (

    select
        stepped.snapshot_date,
        stepped.fiscal_quarter,
        stepped.is_itemised,
        stepped.day,
        stepped.team,
        stepped.step_order,
        stepped.step,
        stepped.source,
        stepped.opportunity_id,
        case when stepped.previous_counts then 1 else 0 end as our_opportunities,
        case when stepped.counts then 1 else 0 end as their_opportunities,
        case when stepped.previous_counts then stepped.previous_amount else 0 end as our_amount,
        case when stepped.counts then stepped.amount else 0 end as their_amount
    from stepped
    where
        stepped.previous_counts <> stepped.counts
        or (stepped.counts and stepped.previous_amount <> stepped.amount)

)

select * from changes
