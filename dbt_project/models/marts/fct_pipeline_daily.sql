-- One row per snapshot_date x pipeline x opportunity_type x segment x stage x close_fiscal_quarter
-- with open opportunities. Never sum over days.
with

changes as (

    select * from {{ ref('int_pipeline_changes') }}

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

cells as (

    select
        changes.cell_key,
        changes.pipeline,
        changes.opportunity_type,
        changes.segment,
        changes.stage,
        changes.close_fiscal_quarter,
        min(changes.changed_date) as first_date,
        max(changes.changed_date) as last_date
    from changes
    group by 1, 2, 3, 4, 5, 6

),

-- What enters a cell adds to it, what leaves it takes away: a running sum needs no row per
-- opportunity and day.
levels as (

    select
        pipeline_days.snapshot_date,
        pipeline_days.is_complete,
        cells.cell_key,
        sum(changes.opportunities) over days_so_far as open_opportunities,
        sum(changes.amount) over days_so_far as open_amount,
        sum(changes.weighted_amount) over days_so_far as weighted_amount
    from pipeline_days
    inner join cells
        on
            pipeline_days.snapshot_date >= cells.first_date
            and pipeline_days.snapshot_date < cells.last_date
    left join changes
        on
            cells.cell_key = changes.cell_key
            and pipeline_days.snapshot_date = changes.changed_date
    window days_so_far as (
        partition by cells.cell_key
        order by pipeline_days.snapshot_date nulls last
        rows between unbounded preceding and current row
    )

),

daily as (

    select
        levels.snapshot_date,
        cells.pipeline,
        cells.opportunity_type,
        cells.segment,
        cells.stage,
        cells.close_fiscal_quarter,
        cast(levels.open_opportunities as integer) as open_opportunities,
        cast(levels.open_amount as decimal(18, 2)) as open_amount,
        cast(levels.weighted_amount as decimal(18, 2)) as weighted_amount,
        levels.is_complete
    from levels
    inner join cells on levels.cell_key = cells.cell_key
    where levels.open_opportunities > 0

)

select * from daily
