-- One row per fiscal quarter of entry x pipeline x segment x stage x days in stage, `(all)`
-- quarters and segments included: how many visits lasted as long, and how many ended then.
with

visits as (

    select * from {{ ref('fct_stage_visits') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

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

scoped as (

    {{ with_all(
        'counted',
        all_of=['fiscal_quarter', 'segment'],
        others=['pipeline', 'stage', 'days_in_stage'],
        sums=['ended', 'visits'],
    ) }}

)

select * from scoped
