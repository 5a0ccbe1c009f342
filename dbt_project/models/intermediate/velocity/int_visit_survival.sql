-- One row per fiscal quarter of entry x pipeline x segment x stage x days in stage: the share of
-- visits that lasts longer (Kaplan and Meier, 1958), and how many had ended by then.
with

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

-- How many visits lasted as long, and how many ended then.
counted as (

    select
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        visits.pipeline,
        visits.segment,
        visits.stage,
        visits.days_in_stage,
        count(*) filter (where visits.exit_kind <> 'deleted') as ended,
        count(*) as visits
    from visits
    left join fiscal_days on visits.entered_date = fiscal_days.date_day
    where visits.entry_precision <> 'left_truncated'
    group by
        coalesce(fiscal_days.fiscal_quarter, '(none)'),
        visits.pipeline,
        visits.segment,
        visits.stage,
        visits.days_in_stage

),

durations as (

    {{ with_all(
        'counted',
        all_of=['fiscal_quarter', 'segment'],
        others=['pipeline', 'stage', 'days_in_stage'],
        sums=['ended', 'visits'],
    ) }}

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

logarithms as (

    select
        at_risk.*,
        case
            when at_risk.ended < at_risk.visits_at_risk
                then ln(1 - cast(at_risk.ended as double) / nullif(at_risk.visits_at_risk, 0))
        end as log_share
    from at_risk

),

-- A product of shares is the exponential of the sum of their logarithms; where the last visit at
-- risk ends, nothing is left.
survival as (

    select
        logarithms.fiscal_quarter,
        logarithms.pipeline,
        logarithms.segment,
        logarithms.stage,
        logarithms.days_in_stage,
        logarithms.ended_so_far,
        logarithms.completed,
        case
            when logarithms.log_share is null then cast(0 as double)
            else exp(sum(logarithms.log_share) over so_far)
        end as survival
    from logarithms
    window so_far as (
        partition by
            logarithms.fiscal_quarter, logarithms.pipeline, logarithms.segment, logarithms.stage
        order by logarithms.days_in_stage nulls last
        rows between unbounded preceding and current row
    )

)

select * from survival
