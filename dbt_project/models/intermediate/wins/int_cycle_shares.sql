-- One row per cohort of sales cycles, `(all)` included, x day on which something happens in it or
-- at which it is looked: the shares won, lost and open by then (Aalen and Johansen, 1978).
with

risk_sets as (

    select * from {{ ref('int_cycle_risk_sets') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

-- Sums of doubles depend on the order in which threads add them; sums of decimals do not. What is
-- left of the logarithms' error is rounded away.
hazards as (

    select
        risk_sets.cohort_key,
        risk_sets.day,
        risk_sets.won,
        risk_sets.lost,
        risk_sets.censored,
        risk_sets.reopened,
        risk_sets.closed,
        risk_sets.at_risk,
        case when risk_sets.closed > 0 and risk_sets.at_risk < policy.small_risk_set then 1 else 0
        end as is_too_small,
        case when risk_sets.closed > 0 and risk_sets.closed = risk_sets.at_risk then 1 else 0
        end as is_last,
        case
            when risk_sets.closed > 0 and risk_sets.closed < risk_sets.at_risk
                then
                    cast(
                        ln(1 - cast(risk_sets.closed as double) / risk_sets.at_risk)
                        as decimal(38, 18)
                    )
            else 0
        end as log_open
    from risk_sets
    cross join policy

),

opened as (

    select
        hazards.*,
        max(hazards.is_too_small) over so_far as is_unknown,
        case
            when max(hazards.is_last) over so_far = 1 then cast(0 as double)
            else round(exp(cast(sum(hazards.log_open) over so_far as double)), 12)
        end as open_share,
        case
            when coalesce(max(hazards.is_last) over earlier, 0) = 1 then cast(0 as double)
            else exp(cast(coalesce(sum(hazards.log_open) over earlier, 0) as double))
        end as open_before
    from hazards
    window
        so_far as (
            partition by hazards.cohort_key
            order by hazards.day nulls last
            rows between unbounded preceding and current row
        ),
        earlier as (
            partition by hazards.cohort_key
            order by hazards.day nulls last
            rows between unbounded preceding and 1 preceding
        )

),

shares as (

    select
        opened.cohort_key,
        opened.day,
        opened.won,
        opened.closed,
        opened.at_risk,
        opened.is_unknown = 1 as is_unknown,
        opened.open_share,
        round(cast(sum(coalesce(cast(
            opened.open_before * opened.won / nullif(opened.at_risk, 0) as decimal(38, 18)
        ), 0)) over so_far as double), 12) as won_share,
        round(cast(sum(coalesce(cast(
            opened.open_before * opened.lost / nullif(opened.at_risk, 0) as decimal(38, 18)
        ), 0)) over so_far as double), 12) as lost_share,
        sum(opened.won) over so_far as won_so_far,
        sum(opened.lost) over so_far as lost_so_far,
        sum(opened.censored) over so_far as censored_so_far,
        sum(opened.reopened) over so_far as reopened_so_far
    from opened
    window so_far as (
        partition by opened.cohort_key
        order by opened.day nulls last
        rows between unbounded preceding and current row
    )

)

select * from shares
