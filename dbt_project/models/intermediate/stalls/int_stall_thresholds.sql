-- One row per judged day x segment x stage: each stall rule's threshold in force, and whether the
-- rule is.
with

judged_days as (

    select * from {{ ref('int_stall_judged_days') }}

),

clocks as (

    select * from {{ ref('int_stall_clocks') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

rules as (

    select * from {{ ref('stg_stall_rules') }}

),

-- Few of millions: made distinct before they are named.
places as (

    select
        clocks.segment,
        clocks.stage_interval_key
    from clocks
    group by clocks.segment, clocks.stage_interval_key

),

cells as (

    select
        places.segment,
        stages.stage
    from places
    inner join stages on places.stage_interval_key = stages.stage_interval_key
    group by places.segment, stages.stage

),

candidates as (

    select
        judged_days.judged_date,
        cells.segment,
        cells.stage,
        rules.rule,
        rules.threshold,
        rules.is_enabled,
        rules.valid_from,
        case when coalesce(rules.segment, '*') = '*' then 0 else 2 end
        + case when coalesce(rules.stage, '*') = '*' then 0 else 1 end as specificity
    from judged_days
    cross join cells
    inner join rules
        on
            coalesce(rules.segment, '*') in ('*', cells.segment)
            and coalesce(rules.stage, '*') in ('*', cells.stage)
            and judged_days.judged_date >= rules.valid_from

),

-- The most specific row wins, segment before stage; of one key the latest in force.
ranked as (

    select
        candidates.*,
        row_number() over (
            partition by
                candidates.judged_date, candidates.segment, candidates.stage, candidates.rule
            order by candidates.specificity desc, candidates.valid_from desc
        ) as preference
    from candidates

),

in_force as (

    select * from ranked
    where preference = 1 and is_enabled

),

thresholds as (

    select
        in_force.judged_date,
        in_force.segment,
        in_force.stage,
        {%- for rule in stall_rules() %}
            max(case when in_force.rule = '{{ rule }}' then in_force.threshold end)
                as {{ rule }}_threshold,
            count(*) filter (where in_force.rule = '{{ rule }}') > 0 as has_{{ rule }}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from in_force
    group by in_force.judged_date, in_force.segment, in_force.stage

)

select * from thresholds
