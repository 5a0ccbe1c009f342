-- Days of sales cycles on which the shares do not add up to 1, or fall, and on which the counts
-- leave somebody out.
with

cycles as (

    select * from {{ ref('rpt_sales_cycle') }}

),

compared as (

    select
        cycles.*,
        lag(cycles.won_share) over earlier as earlier_won_share,
        lag(cycles.lost_share) over earlier as earlier_lost_share
    from cycles
    window earlier as (
        partition by
            cycles.fiscal_quarter,
            cycles.segment,
            cycles.opportunity_type,
            cycles.pipeline,
            cycles.from_stage
        order by cycles.day nulls last
    )

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    fiscal_quarter,
    segment,
    from_stage,
    day
from compared
where
    abs(won_share + lost_share + open_share - 1) > 1e-9
    or won_share < earlier_won_share
    or lost_share < earlier_lost_share
    or open_share not between 0 and 1
    or won + lost + censored > entered
    or reopened > won + lost
    or at_risk > entered
