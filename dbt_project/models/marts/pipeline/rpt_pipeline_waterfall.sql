-- One row per fiscal_quarter x segment x week_start_date x category: opening, each kind of movement
-- and closing of the open pipeline.
with

movements as (

    select * from {{ ref('fct_pipeline_movements') }}

),

days as (

    select * from {{ ref('dim_date') }}

),

levels as (

    select * from {{ ref('int_pipeline_levels') }}

),

moved as (

    select
        days.week_start_date,
        movements.fiscal_quarter,
        movements.segment,
        movements.category,
        sum(movements.amount) as amount,
        sum(movements.opportunity_delta) as opportunities
    from movements
    inner join days on movements.snapshot_date = days.date_day
    group by
        days.week_start_date, movements.fiscal_quarter, movements.segment, movements.category

),

ends as (

    select 'opening' as category
    union all
    select 'closing' as category

),

-- A week of a cell has an opening and a closing as soon as it has anything.
parts as (

    select
        moved.week_start_date,
        moved.fiscal_quarter,
        moved.segment,
        moved.category,
        moved.amount,
        moved.opportunities
    from moved
    union all
    select
        moved.week_start_date,
        moved.fiscal_quarter,
        moved.segment,
        ends.category,
        0 as amount,
        0 as opportunities
    from moved
    cross join ends
    union all
    select
        levels.week_start_date,
        levels.fiscal_quarter,
        levels.segment,
        'opening' as category,
        levels.opening_amount as amount,
        levels.opening_opportunities as opportunities
    from levels
    union all
    select
        levels.week_start_date,
        levels.fiscal_quarter,
        levels.segment,
        'closing' as category,
        levels.closing_amount as amount,
        levels.closing_opportunities as opportunities
    from levels

),

-- For the whole company nothing changes where a segment changes.
scopes as (

    select
        parts.week_start_date,
        parts.fiscal_quarter,
        parts.segment,
        parts.category,
        parts.amount,
        parts.opportunities
    from parts
    union all
    select
        parts.week_start_date,
        parts.fiscal_quarter,
        '(all)' as segment,
        parts.category,
        parts.amount,
        parts.opportunities
    from parts
    where parts.category not in ('scope_in', 'scope_out')

),

bars as (

    select
        -- ids
        scopes.fiscal_quarter,
        scopes.segment,
        scopes.week_start_date,
        scopes.category,

        -- numerics
        cast(sum(scopes.amount) as decimal(18, 2)) as amount,
        cast(sum(scopes.opportunities) as integer) as opportunities
    from scopes
    group by scopes.fiscal_quarter, scopes.segment, scopes.week_start_date, scopes.category

),

waterfall as (

    select
        bars.*,
        bars.segment = '(all)' as is_total,

        -- the week's own, on each of its rows
        max(case when bars.category = 'opening' then bars.amount end) over week as opening_amount,
        max(case when bars.category = 'closing' then bars.amount end) over week as closing_amount,
        max(case when bars.category = 'opening' then bars.opportunities end) over week
            as opening_opportunities,
        max(case when bars.category = 'closing' then bars.opportunities end) over week
            as closing_opportunities
    from bars
    window week as (
        partition by bars.fiscal_quarter, bars.segment, bars.week_start_date
    )

)

select * from waterfall
