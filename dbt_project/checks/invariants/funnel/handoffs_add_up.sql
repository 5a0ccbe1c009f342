-- Cells of hand-offs whose statuses are not all that were handed over, or that do not count the
-- hand-offs themselves.
with

report as (

    select * from {{ ref('rpt_handoff_sla') }}

),

handoffs as (

    select * from {{ ref('fct_handoffs') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

counted as (

    select
        handoffs.handoff,
        handoffs.clock,
        cast({{ dbt.date_trunc('month', 'handoffs.started_date') }} as date) as month_start_date,
        count(*) as handoff_count
    from handoffs
    group by 1, 2, 3

),

compared as (

    select
        {{ sole_source('sources') }} as source,
        report.month_start_date,
        report.handoff,
        report.clock,
        report.segment,
        report.dimension,
        report.dimension_value,
        report.handed,
        counted.handoff_count
    from report
    left join counted
        on
            report.handoff = counted.handoff
            and report.clock = counted.clock
            and report.month_start_date = counted.month_start_date
            and report.segment = '(all)'
            and report.dimension = '(all)'
    where
        report.handed
        <> report.met + report.breached + report.pending + report.not_evaluated
        or report.handed <> counted.handoff_count

)

select * from compared
