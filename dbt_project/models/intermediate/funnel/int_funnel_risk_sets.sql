-- One row per cohort of a funnel's step (month x unit x step x segment, `(all)` included, x
-- dimension x its value) x day on which something happens in it or at which it is looked: who
-- entered, went on or was given back, and how many were followed.
{%- set dimensions = ['lead_source', 'channel', 'campaign'] %}
{%- set counts = [
    'entered', 'converted', 'recycled', 'still_open', 'undated',
    'reached_opportunity', 'reached_won', 'reported_entered',
] %}
{%- set place = ['unit', 'step', 'cohort_month'] %}
{%- set columns = place + ['segment'] + dimensions %}
with

entries as (

    select * from {{ ref('int_funnel_entries') }}

),

as_reported as (

    select * from {{ ref('int_funnel_as_reported') }}

),

-- They enter on the day before the first, so that they are followed on the day of entry. What the
-- month's report knew is what is known today, but for what is as_reported.
events as (

    select
        {%- for column in columns %}
            entries.{{ column }},
        {%- endfor %}
        -1 as day,
        case when entries.outcome = 'undated' then 'undated' else 'entered' end as event,
        entries.reached_opportunity,
        entries.reached_won,
        entries.won_amount,
        case
            when
                entries.outcome <> 'undated'
                and entries.known_from <= {{ dbt.last_day('entries.cohort_month', 'month') }}
                then 1
            else 0
        end as reported_entered
    from entries
    union all
    select
        {%- for column in columns %}
            entries.{{ column }},
        {%- endfor %}
        entries.days as day,
        entries.outcome as event,
        0 as reached_opportunity,
        0 as reached_won,
        0 as won_amount,
        0 as reported_entered
    from entries
    where entries.outcome <> 'undated'
    union all
    select
        {%- for column in columns %}
            as_reported.{{ column }},
        {%- endfor %}
        -1 as day,
        'reported' as event,
        0 as reached_opportunity,
        0 as reached_won,
        0 as won_amount,
        as_reported.reported_entered
    from as_reported

),

counted as (

    select
        {%- for column in columns %}
            events.{{ column }},
        {%- endfor %}
        events.day,
        {%- for event in ['entered', 'converted', 'recycled', 'still_open', 'undated'] %}
            count(*) filter (where events.event = '{{ event }}') as {{ event }},
        {%- endfor %}
        {%- for count in ['reached_opportunity', 'reached_won'] %}
            sum(events.{{ count }}) filter (where events.event = 'entered') as {{ count }},
        {%- endfor %}
        sum(events.reported_entered) as reported_entered,
        sum(events.won_amount) filter (where events.event = 'entered') as won_amount
    from events
    group by
        {%- for column in columns %}
            events.{{ column }},
        {%- endfor %}
        events.day

),

looked_at as (

    select counted.* from counted
    {%- for day in [7, 30, 90, 180] %}
        union all
        select
            {%- for column in columns %}
                counted.{{ column }},
            {%- endfor %}
            {{ day }} as day,
            {%- for count in counts %}
                0 as {{ count }},
            {%- endfor %}
            0 as won_amount
        from counted
        where counted.day = -1
    {%- endfor %}

),

by_dimension as (

    {%- for dimension in ['(all)'] + dimensions %}
        select
            {%- for count in counts + ['won_amount'] %}
                coalesce(sum(looked_at.{{ count }}), 0) as {{ count }},
            {%- endfor %}
            {{ "'(all)'" if dimension == '(all)' else 'looked_at.' ~ dimension }}
                as dimension_value,
            '{{ dimension }}' as dimension,
            {%- for column in place %}
                looked_at.{{ column }},
            {%- endfor %}
            looked_at.segment,
            looked_at.day
        from looked_at
        group by
            {%- if dimension != '(all)' %}
                looked_at.{{ dimension }},
            {%- endif %}
            {%- for column in place %}
                looked_at.{{ column }},
            {%- endfor %}
            looked_at.segment,
            looked_at.day
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

cohorts as (

    {{ with_all(
        'by_dimension',
        all_of=['segment'],
        others=place + ['dimension', 'dimension_value', 'day'],
        sums=counts + ['won_amount'],
    ) }}

),

-- A number for each cohort: sorting by it costs a fraction of sorting by six texts.
numbered as (

    select
        cohorts.*,
        cast(dense_rank() over (
            order by
                cohorts.cohort_month nulls last,
                cohorts.unit nulls last,
                cohorts.step nulls last,
                cohorts.segment nulls last,
                cohorts.dimension nulls last,
                cohorts.dimension_value nulls last
        ) as integer) as cohort_key
    from cohorts

),

risk_sets as (

    select
        numbered.*,
        numbered.converted + numbered.recycled as closed,
        coalesce(
            sum(
                numbered.entered - numbered.converted - numbered.recycled - numbered.still_open
            ) over (
                partition by numbered.cohort_key
                order by numbered.day nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as at_risk
    from numbered

)

select * from risk_sets
