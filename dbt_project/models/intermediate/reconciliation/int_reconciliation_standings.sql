-- One row per snapshot_date x fiscal quarter of int_reconciliation_days x opportunity that a team
-- could count in the quarter, as it stood on the day and, where a team asks, on the Monday before.
{{ config(materialized='view') }}
with

days as (

    select * from {{ ref('int_reconciliation_days') }}

),

views as (

    select * from {{ ref('int_reconciliation_views') }}

),

history as (

    select * from {{ ref('int_opportunity_history') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

shares as (

    select * from {{ ref('int_coverage_shares') }}

),

-- What no team asks for is not looked at.
asked as (

    select
        coalesce(max(case when views.population = 'created' then 1 end), 0) = 1 as created,
        coalesce(max(case when views.population = 'any_quarter' then 1 end), 0) = 1 as any_quarter,
        coalesce(max(case when views.amount_basis = 'expected' then 1 end), 0) = 1 as expected,
        coalesce(max(case when views.amount_basis = 'at_creation' then 1 end), 0) = 1
            as at_creation,
        coalesce(max(case when views.day = 'last_monday' then 1 end), 0) = 1 as last_monday
    from views

),

looks as (

    select
        days.*,
        'same_day' as day,
        days.snapshot_date as state_date
    from days
    union all
    select
        days.*,
        'last_monday' as day,
        days.monday_date as state_date
    from days
    inner join asked on asked.last_monday

),

first_versions as (

    select
        history.opportunity_key,
        history.amount
    from history
    where history.previous_valid_to is null

),

versions as (

    select
        history.opportunity_key,
        history.segment,
        history.amount,
        history.valid_from,
        history.valid_to,
        history.stage_category = 'open' as is_open,
        history.stage_category = 'won' as is_won,
        stages.pipeline,
        stages.stage,
        stages.probability as stage_probability,
        coalesce(close_days.fiscal_quarter, '(none)') as close_fiscal_quarter,
        creation_days.fiscal_quarter as created_fiscal_quarter,
        first_versions.amount as amount_at_creation,
        asked.expected,
        asked.any_quarter
    from history
    inner join stages on history.stage_interval_key = stages.stage_interval_key
    cross join asked
    left join fiscal_days as close_days on history.close_date = close_days.date_day
    left join fiscal_days as creation_days
        on asked.created and history.created_date = creation_days.date_day
    left join first_versions
        on asked.at_creation and history.opportunity_key = first_versions.opportunity_key

),

-- Open and due in the quarter, or created in it; where a team counts any quarter, all that is open.
counted_in as (

    select
        versions.*,
        versions.close_fiscal_quarter as fiscal_quarter
    from versions
    where versions.is_open
    union all
    select
        versions.*,
        versions.created_fiscal_quarter as fiscal_quarter
    from versions
    where
        versions.created_fiscal_quarter is not null
        and not (
            versions.is_open and versions.close_fiscal_quarter = versions.created_fiscal_quarter
        )

),

standings as (

    select
        looks.snapshot_date,
        looks.is_itemised,
        looks.day,
        looks.state_date,
        counted_in.*
    from counted_in
    inner join looks
        on
            counted_in.fiscal_quarter = looks.fiscal_quarter
            and counted_in.valid_from <= looks.state_date
            and counted_in.valid_to > looks.state_date
    union all
    select
        looks.snapshot_date,
        looks.is_itemised,
        looks.day,
        looks.state_date,
        versions.*,
        looks.fiscal_quarter
    from versions
    inner join looks
        on
            versions.valid_from <= looks.state_date
            and versions.valid_to > looks.state_date
            and versions.close_fiscal_quarter <> looks.fiscal_quarter
            and coalesce(versions.created_fiscal_quarter, '') <> looks.fiscal_quarter
    where versions.any_quarter and versions.is_open

),

valued as (

    select
        standings.snapshot_date,
        standings.fiscal_quarter,
        standings.is_itemised,
        standings.day,
        standings.opportunity_key,
        standings.valid_from,
        standings.is_open,
        standings.is_open and standings.close_fiscal_quarter = standings.fiscal_quarter as is_due,
        coalesce(standings.created_fiscal_quarter = standings.fiscal_quarter, false) as is_created,
        standings.amount,
        standings.amount_at_creation,
        {{ weighted_amount('standings.amount', 'standings.stage_probability') }} as weighted_amount,
        case
            when standings.is_won then standings.amount
            else {{ rounded_share(
                'standings.amount', 'shares.yield_won_amount', 'shares.yield_open_amount'
            ) }}
        end as expected_amount
    from standings
    left join shares
        on
            standings.expected
            and standings.state_date = shares.snapshot_date
            and standings.close_fiscal_quarter = shares.fiscal_quarter
            and standings.pipeline = shares.pipeline
            and standings.stage = shares.stage
            and standings.segment = shares.segment
            and standings.is_open

)

select * from valued
