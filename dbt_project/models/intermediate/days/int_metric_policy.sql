-- One row per period of the policy on metrics: each choice as it is in force in it. Covers all
-- time; a choice that the file leaves out is the documented default.
with

policy as (

    select * from {{ ref('stg_metric_policy') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

starts as (

    select {{ beginning_of_time() }} as valid_from
    union
    select policy.valid_from from policy

),

in_force as (

    select
        starts.valid_from,
        policy.choice,
        policy.value,
        row_number() over (
            partition by starts.valid_from, policy.choice
            order by policy.valid_from desc
        ) as recency
    from starts
    inner join policy on starts.valid_from >= policy.valid_from

),

choices as (

    select
        {%- for choice in metric_choices() %}
            max(case when in_force.choice = '{{ choice }}' then in_force.value end) as {{ choice }},
        {%- endfor %}
        starts.valid_from
    from starts
    left join in_force
        on starts.valid_from = in_force.valid_from and in_force.recency = 1
    group by starts.valid_from

),

-- Of opportunities, or of whatever a company without them has.
last_day as (

    select
        coalesce(
            (select max(sources.last_captured_date) from sources),
            (select max(snapshot_days.snapshot_date) from snapshot_days)
        ) as last_captured_date

),

periods as (

    select
        {%- for choice, known in metric_choices().items() %}
            cast(coalesce(choices.{{ choice }}, '{{ known.default }}') as {{ known.data_type }})
                as {{ choice }},
        {%- endfor %}
        choices.valid_from,
        cast(coalesce(
            lead(choices.valid_from) over (order by choices.valid_from nulls last),
            {{ end_of_time() }}
        ) as date) as valid_to
    from choices

),

-- What is of no day of its own takes the policy of the last captured one.
dated as (

    select
        periods.*,
        coalesce(
            last_day.last_captured_date >= periods.valid_from
            and last_day.last_captured_date < periods.valid_to,
            false
        ) as is_latest
    from periods
    cross join last_day

)

select * from dated
