-- One row per cohort of sales cycles, `(all)` included, x day on which something happens in it or
-- at which it is looked: how many were won, lost and lost from sight, and how many were followed.
{%- set cohort = ['fiscal_quarter', 'segment', 'opportunity_type', 'pipeline'] %}
{%- set counts = [
    'entered', 'won', 'lost', 'censored', 'reopened', 'undated', 'already_closed'
] %}
with

cycles as (

    select * from {{ ref('int_cycle_entries') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

positions as (

    select * from {{ ref('int_day_numbers') }}
    where day_number < 20

),

cells as (

    select
        cycles.fiscal_quarter,
        cycles.segment,
        cycles.opportunity_type,
        cycles.pipeline,
        cycles.from_stage
    from cycles
    group by
        cycles.fiscal_quarter,
        cycles.segment,
        cycles.opportunity_type,
        cycles.pipeline,
        cycles.from_stage

),

looks as (

    select
        cast({{ number_in_list('policy.sales_cycle_days', 'positions.day_number') }} as integer)
            as day
    from policy
    cross join positions

),

-- Each cycle enters its risk set once and leaves it once.
events as (

    select
        cycles.*,
        cycles.followed_after_days as day,
        'entered' as event
    from cycles
    where cycles.outcome in ('won', 'lost', 'censored')
    union all
    select
        cycles.*,
        cycles.days as day,
        cycles.outcome as event
    from cycles
    where cycles.outcome in ('won', 'lost', 'censored')
    union all
    select
        cycles.*,
        0 as day,
        cycles.outcome as event
    from cycles
    where cycles.outcome in ('undated', 'already_closed')

),

counted as (

    select
        events.fiscal_quarter,
        events.segment,
        events.opportunity_type,
        events.pipeline,
        events.from_stage,
        events.day,
        {%- for count in counts if count != 'reopened' %}
            count(*) filter (where events.event = '{{ count }}') as {{ count }},
        {%- endfor %}
        count(*) filter (where events.is_reopened and events.event in ('won', 'lost')) as reopened
    from events
    group by
        events.fiscal_quarter,
        events.segment,
        events.opportunity_type,
        events.pipeline,
        events.from_stage,
        events.day
    union all
    select
        cells.fiscal_quarter,
        cells.segment,
        cells.opportunity_type,
        cells.pipeline,
        cells.from_stage,
        looks.day,
        {%- for count in counts if count != 'reopened' %}
            0 as {{ count }},
        {%- endfor %}
        0 as reopened
    from cells
    inner join looks on looks.day is not null

),

cohorts as (

    {{ with_all('counted', all_of=cohort, others=['from_stage', 'day'], sums=counts) }}

),

-- A number for each cohort: sorting by it costs a fraction of sorting by five texts.
numbered as (

    select
        cast(row_number() over (
            order by
                cohorts.fiscal_quarter nulls last,
                cohorts.segment nulls last,
                cohorts.opportunity_type nulls last,
                cohorts.pipeline nulls last,
                cohorts.from_stage nulls last
        ) as integer) as cohort_key,
        cohorts.fiscal_quarter,
        cohorts.segment,
        cohorts.opportunity_type,
        cohorts.pipeline,
        cohorts.from_stage
    from cohorts
    group by
        cohorts.fiscal_quarter,
        cohorts.segment,
        cohorts.opportunity_type,
        cohorts.pipeline,
        cohorts.from_stage

),

risk_sets as (

    select
        numbered.cohort_key,
        cohorts.fiscal_quarter,
        cohorts.segment,
        cohorts.opportunity_type,
        cohorts.pipeline,
        cohorts.from_stage,
        cohorts.day,
        {%- for count in counts %}
            cast(cohorts.{{ count }} as integer) as {{ count }},
        {%- endfor %}
        cast(cohorts.won + cohorts.lost as integer) as closed,
        cast(coalesce(
            sum(cast(
                cohorts.entered - cohorts.won - cohorts.lost - cohorts.censored as integer
            )) over (
                partition by numbered.cohort_key
                order by cohorts.day nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as integer) as at_risk
    from cohorts
    inner join numbered
        on
            cohorts.fiscal_quarter = numbered.fiscal_quarter
            and cohorts.segment = numbered.segment
            and cohorts.opportunity_type = numbered.opportunity_type
            and cohorts.pipeline = numbered.pipeline
            and cohorts.from_stage = numbered.from_stage

)

select * from risk_sets
