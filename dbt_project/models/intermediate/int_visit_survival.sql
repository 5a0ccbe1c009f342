-- One row per fiscal quarter of entry x pipeline x segment x stage x days in stage: the share of
-- visits that lasts longer (Kaplan and Meier, 1958), and how many had ended by then.
with

durations as (

    select * from {{ ref('int_visit_durations') }}

),

at_risk as (

    select
        durations.*,
        sum(durations.visits) over (
            partition by
                durations.fiscal_quarter, durations.pipeline, durations.segment, durations.stage
            order by durations.days_in_stage desc
            rows between unbounded preceding and current row
        ) as visits_at_risk,
        sum(durations.ended) over (
            partition by
                durations.fiscal_quarter, durations.pipeline, durations.segment, durations.stage
            order by durations.days_in_stage nulls last
            rows between unbounded preceding and current row
        ) as ended_so_far,
        sum(durations.ended) over (
            partition by
                durations.fiscal_quarter, durations.pipeline, durations.segment, durations.stage
        ) as completed
    from durations

),

-- A product of shares is the exponential of the sum of their logarithms; where the last visit at
-- risk ends, nothing is left.
survival as (

    select
        at_risk.fiscal_quarter,
        at_risk.pipeline,
        at_risk.segment,
        at_risk.stage,
        at_risk.days_in_stage,
        at_risk.ended_so_far,
        at_risk.completed,
        case
            when at_risk.ended = at_risk.visits_at_risk then cast(0 as double)
            else exp(sum(
                case
                    when at_risk.ended < at_risk.visits_at_risk
                        then ln(
                            1 - cast(at_risk.ended as double) / nullif(at_risk.visits_at_risk, 0)
                        )
                end
            ) over (
                partition by
                    at_risk.fiscal_quarter, at_risk.pipeline, at_risk.segment, at_risk.stage
                order by at_risk.days_in_stage nulls last
                rows between unbounded preceding and current row
            ))
        end as survival
    from at_risk

)

select * from survival
