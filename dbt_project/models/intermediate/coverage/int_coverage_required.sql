-- One row per snapshot_date x fiscal quarter that coverage looks at x segment, `(all)` included:
-- how much of what was open on such a day of past quarters was won within them.
with

segments as (

    select * from {{ ref('int_coverage_segments') }}

),

pooled_yields as (

    select * from {{ ref('int_coverage_pooled_yields') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

pooled as (

    select
        pooled_yields.snapshot_date,
        pooled_yields.fiscal_quarter,
        pooled_yields.segment,
        sum(pooled_yields.yield_opportunities) as yield_opportunities,
        sum(pooled_yields.yield_open_amount) as yield_open_amount,
        sum(pooled_yields.yield_won_amount) as yield_won_amount
    from pooled_yields
    group by
        pooled_yields.snapshot_date, pooled_yields.fiscal_quarter, pooled_yields.segment

),

company as (

    select
        pooled.snapshot_date,
        pooled.fiscal_quarter,
        sum(pooled.yield_opportunities) as yield_opportunities,
        sum(pooled.yield_open_amount) as yield_open_amount,
        sum(pooled.yield_won_amount) as yield_won_amount
    from pooled
    group by pooled.snapshot_date, pooled.fiscal_quarter

),

-- The segment's own where it rests on enough opportunities, else that of all segments.
chosen as (

    select
        segments.snapshot_date,
        segments.fiscal_quarter,
        segments.segment,
        coalesce(
            pooled.yield_opportunities, company.yield_opportunities, 0
        ) as yield_opportunities,
        coalesce(pooled.yield_open_amount, company.yield_open_amount, 0) as yield_open_amount,
        coalesce(pooled.yield_won_amount, company.yield_won_amount, 0) as yield_won_amount,
        pooled.segment is null as is_yield_of_all_segments
    from segments
    inner join policy
        on
            segments.snapshot_date >= policy.valid_from
            and segments.snapshot_date < policy.valid_to
    left join pooled
        on
            segments.snapshot_date = pooled.snapshot_date
            and segments.fiscal_quarter = pooled.fiscal_quarter
            and segments.segment = pooled.segment
            and policy.small_pool_opportunities <= pooled.yield_opportunities
    left join company
        on
            segments.snapshot_date = company.snapshot_date
            and segments.fiscal_quarter = company.fiscal_quarter

),

required as (

    select
        chosen.snapshot_date,
        chosen.fiscal_quarter,
        chosen.segment,
        cast(chosen.yield_opportunities as integer) as yield_opportunities,
        cast(chosen.yield_open_amount as decimal(18, 2)) as yield_open_amount,
        cast(chosen.yield_won_amount as decimal(18, 2)) as yield_won_amount,
        chosen.is_yield_of_all_segments
    from chosen

)

select * from required
