-- One row per snapshot_date x fiscal quarter x team x step of its view x opportunity whose amount,
-- or place in the team's number, the step changes: what was counted before it, and after it. Two
-- rows where the step goes back to the last Monday.
{{ config(materialized='view') }}
{%- set amounts = {
    'amount': 'judged.amount',
    'weighted': 'judged.weighted_amount',
    'expected': 'judged.expected_amount',
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

first_versions as (

    select * from {{ ref('int_opportunity_history') }}
    where previous_valid_to is null

),

-- The first step of each view that an opportunity fails, if it fails any.
judged as (

    select
        standings.*,
        views.team,
        views.valid_from as view_from,
        failures.step_order as failed_step_order
    from standings
    inner join views
        on
            standings.snapshot_date >= views.valid_from
            and standings.snapshot_date < views.valid_to
            and views.step_order = 0
    left join failures
        on
            standings.source = failures.source
            and standings.opportunity_id = failures.opportunity_id
            and standings.valid_from = failures.valid_from
            and views.team = failures.team
            and views.valid_from = failures.view_from

),

-- A step changes something of what has not failed before it: of what fails it, and of all where
-- another population, amount or day is counted behind it.
stepped as (

    select
        judged.snapshot_date,
        judged.fiscal_quarter,
        judged.is_itemised,
        judged.day,
        views.team,
        views.step_order,
        views.step,
        judged.source,
        judged.opportunity_id,
        {%- for prefix in ['previous_', ''] %}
            judged.day = views.{{ prefix ~ 'day' }}
            and case views.{{ prefix ~ 'population' }}
                when 'due' then judged.is_due
                when 'created' then judged.is_created
                when 'any_quarter' then judged.is_open
            end
            {%- if not prefix %}
                and coalesce(judged.failed_step_order > views.step_order, true)
            {%- endif %} as {{ prefix }}counts,
            coalesce(case views.{{ prefix ~ 'amount_basis' }}
                {%- for basis, amount in amounts.items() %}
                    when '{{ basis }}' then {{ amount }}
                {%- endfor %}
            end, 0) as {{ prefix }}amount
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from judged
    inner join views
        on
            judged.team = views.team
            and judged.view_from = views.valid_from
            and views.step_order > 0
            and coalesce(judged.failed_step_order >= views.step_order, true)
            and (
                judged.failed_step_order = views.step_order
                or views.day <> views.previous_day
                or views.population <> views.previous_population
                or views.amount_basis <> views.previous_amount_basis
            )
    left join opportunities
        on
            judged.source = opportunities.source
            and judged.opportunity_id = opportunities.opportunity_id
    left join first_versions on opportunities.opportunity_key = first_versions.opportunity_key

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
