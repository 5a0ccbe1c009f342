-- One row per snapshot_date x fiscal quarter x team x step of its view x opportunity (all in one
-- where the day is not itemised) whose amount, or place in the team's number, the step changes:
-- what was counted before it, and after it.
{%- set amounts = {
    'amount': 'placed.amount',
    'weighted': 'placed.weighted_amount',
    'expected': 'placed.expected_amount',
    'at_creation': 'placed.amount_at_creation',
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

periods as (

    select * from views
    where step_order = 0

),

-- What a team could count, and the first step of its view that it does not meet.
placed as (

    select
        standings.*,
        periods.team,
        periods.valid_from as view_from,
        failures.step_order as failed_step
    from standings
    inner join periods
        on
            standings.snapshot_date >= periods.valid_from
            and standings.snapshot_date < periods.valid_to
    left join failures
        on
            standings.opportunity_key = failures.opportunity_key
            and standings.valid_from = failures.valid_from
            and periods.team = failures.team
            and periods.valid_from = failures.view_from

),

stepped as (

    select
        placed.snapshot_date,
        placed.fiscal_quarter,
        placed.is_itemised,
        views.team,
        views.step_order,
        views.step,
        placed.opportunity_key,
        {%- for prefix in ['previous_', ''] %}
            placed.day = views.{{ prefix ~ 'day' }}
            and case views.{{ prefix ~ 'population' }}
                when 'due' then placed.is_due
                when 'created' then placed.is_created
                when 'any_quarter' then placed.is_open
            end
            and (
                placed.failed_step is null
                or placed.failed_step > views.step_order{{ ' - 1' if prefix }}
            ) as {{ prefix }}counts,
            coalesce(case views.{{ prefix ~ 'amount_basis' }}
                {%- for basis, amount in amounts.items() %}
                    when '{{ basis }}' then {{ amount }}
                {%- endfor %}
            end, 0) as {{ prefix }}amount
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from placed
    inner join views
        on
            placed.team = views.team
            and placed.view_from = views.valid_from
            and views.step_order > 0

),

changed as (

    select
        stepped.snapshot_date,
        stepped.fiscal_quarter,
        stepped.is_itemised,
        stepped.team,
        stepped.step_order,
        stepped.step,
        case when stepped.is_itemised then stepped.opportunity_key end as opportunity_key,
        case when stepped.previous_counts then 1 else 0 end as our_opportunities,
        case when stepped.counts then 1 else 0 end as their_opportunities,
        case when stepped.previous_counts then stepped.previous_amount else 0 end as our_amount,
        case when stepped.counts then stepped.amount else 0 end as their_amount
    from stepped
    where
        stepped.previous_counts <> stepped.counts
        or (stepped.counts and stepped.previous_amount <> stepped.amount)

),

-- A step that goes back to the last Monday has both of an opportunity: what it was, and is.
changes as (

    select
        changed.snapshot_date,
        changed.fiscal_quarter,
        changed.is_itemised,
        changed.team,
        changed.step_order,
        changed.step,
        changed.opportunity_key,
        sum(changed.our_opportunities) as our_opportunities,
        sum(changed.their_opportunities) as their_opportunities,
        sum(changed.our_amount) as our_amount,
        sum(changed.their_amount) as their_amount
    from changed
    group by
        changed.snapshot_date,
        changed.fiscal_quarter,
        changed.is_itemised,
        changed.team,
        changed.step_order,
        changed.step,
        changed.opportunity_key

)

select * from changes
