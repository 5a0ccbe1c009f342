-- Quarters and segments in which what the weeks created, renewals included, is not what the
-- movements of their days say, by any dimension.
with

generation as (

    select * from {{ ref('rpt_pipeline_generation') }}

),

movements as (

    select * from {{ ref('fct_pipeline_movements') }}
    where category = 'created'

),

dates as (

    select * from {{ ref('dim_date') }}

),

dimensions as (

    select generation.dimension
    from generation
    group by generation.dimension

),

parts as (

    select
        generation.fiscal_quarter,
        generation.segment,
        generation.dimension,
        coalesce(generation.created_opportunities + generation.created_renewal_opportunities, 0)
            as opportunities,
        coalesce(generation.created_amount + generation.created_renewal_amount, 0) as amount
    from generation
    union all
    select
        dates.fiscal_quarter,
        movements.segment,
        dimensions.dimension,
        -1 as opportunities,
        -movements.amount as amount
    from movements
    inner join dates on movements.snapshot_date = dates.date_day
    cross join dimensions
    union all
    select
        dates.fiscal_quarter,
        '(all)' as segment,
        dimensions.dimension,
        -1 as opportunities,
        -movements.amount as amount
    from movements
    inner join dates on movements.snapshot_date = dates.date_day
    cross join dimensions

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    parts.fiscal_quarter,
    parts.segment,
    parts.dimension
from parts
group by parts.fiscal_quarter, parts.segment, parts.dimension
having sum(parts.opportunities) <> 0 or sum(parts.amount) <> 0
