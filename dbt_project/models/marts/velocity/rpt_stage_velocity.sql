-- One row per fiscal_quarter of entry x pipeline x segment x stage, `(all)` quarters and segments
-- included: how long visits last, and what they lead to.
{% set curve_days = [7, 14, 30, 60, 90, 180] %}
with

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

survival as (

    select * from {{ ref('int_visit_survival') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

placed as (

    select
        coalesce(fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        visits.*,
        sources.last_captured_date
    from visits
    inner join sources on visits.source = sources.source
    left join fiscal_days on visits.entered_date = fiscal_days.date_day

),

counted as (

    select
        placed.fiscal_quarter,
        placed.pipeline,
        placed.segment,
        placed.stage,
        count(*) as visits,
        count(*) filter (where placed.exit_kind = 'advanced') as advanced,
        count(*) filter (where placed.exit_kind = 'regressed') as regressed,
        count(*) filter (where placed.exit_kind = 'moved') as moved,
        count(*) filter (where placed.exit_kind = 'won') as won,
        count(*) filter (where placed.exit_kind = 'lost') as lost,
        count(*) filter (where placed.exit_kind = 'deleted') as deleted,
        count(*) filter (where placed.is_open) as still_open,
        count(*) filter (where placed.entry_precision = 'left_truncated') as left_truncated,
        count(*) filter (where placed.is_converted) as converted,
        min({{ dbt.datediff('placed.entered_date', 'placed.last_captured_date', 'day') }})
            as youngest_days
    from placed
    group by placed.fiscal_quarter, placed.pipeline, placed.segment, placed.stage

),

totals as (

    {{ with_all(
        'counted',
        all_of=['fiscal_quarter', 'segment'],
        others=['pipeline', 'stage'],
        sums=[
            'visits', 'advanced', 'regressed', 'moved', 'won', 'lost', 'deleted', 'still_open',
            'left_truncated', 'converted',
        ],
        minima=['youngest_days'],
    ) }}

),

-- The smallest number of days by which a share of the visits has ended. Sums of logarithms are a
-- little off where a share is met exactly.
quantiles as (

    select
        survival.fiscal_quarter,
        survival.pipeline,
        survival.segment,
        survival.stage,
        max(survival.completed) as completed,
        min(survival.days_in_stage) filter (
            where survival.completed > 0 and 2 * survival.ended_so_far >= survival.completed
        ) as lower_middle_days,
        min(survival.days_in_stage) filter (
            where 2 * survival.ended_so_far > survival.completed
        ) as upper_middle_days,
        min(survival.days_in_stage) filter (where survival.survival <= 0.5 + 1e-9)
            as km_median_days,
        min(survival.days_in_stage) filter (where survival.survival <= 0.25 + 1e-9) as km_p75_days,
        min(survival.days_in_stage) filter (where survival.survival <= 0.1 + 1e-9) as km_p90_days,
        {% for day in curve_days %}
            min(survival.survival) filter (where survival.days_in_stage <= {{ day }})
                as survival_{{ day }}d,
        {% endfor %}
        min(survival.survival) as least_survival,
        max(survival.days_in_stage) as longest_days
    from survival
    group by survival.fiscal_quarter, survival.pipeline, survival.segment, survival.stage

),

velocity as (

    select
        -- ids
        totals.fiscal_quarter,
        totals.pipeline,
        totals.segment,
        totals.stage,

        -- counts
        cast(totals.visits as integer) as visits,
        cast(totals.advanced as integer) as advanced,
        cast(totals.regressed as integer) as regressed,
        cast(totals.moved as integer) as moved,
        cast(totals.won as integer) as won,
        cast(totals.lost as integer) as lost,
        cast(totals.deleted as integer) as deleted,
        cast(totals.still_open as integer) as still_open,
        cast(totals.left_truncated as integer) as left_truncated,
        cast(coalesce(quantiles.completed, 0) as integer) as completed,
        cast(totals.converted as integer) as converted,

        -- durations
        cast(quantiles.lower_middle_days + quantiles.upper_middle_days as double) / 2
            as median_days_completed,
        cast(quantiles.km_median_days as integer) as km_median_days,
        cast(quantiles.km_p75_days as integer) as km_p75_days,
        cast(quantiles.km_p90_days as integer) as km_p90_days,

        -- rates
        cast(totals.converted as double) / nullif(totals.visits, 0) as conversion_rate,
        {% for day in curve_days %}
            case
                when quantiles.longest_days >= {{ day }} or quantiles.least_survival = 0
                    -- the last digits of a sum of logarithms mean nothing
                    then round(coalesce(quantiles.survival_{{ day }}d, 1), 6)
            end as still_in_stage_{{ day }}d,
        {% endfor %}

        -- flags
        coalesce(totals.youngest_days > quantiles.km_p90_days, false) as is_mature,
        totals.visits < policy.small_sample_visits as is_small_sample,
        totals.fiscal_quarter = '(all)' or totals.segment = '(all)' as is_total
    from totals
    cross join policy
    left join quantiles
        on
            totals.fiscal_quarter = quantiles.fiscal_quarter
            and totals.pipeline = quantiles.pipeline
            and totals.segment = quantiles.segment
            and totals.stage = quantiles.stage

)

select * from velocity
