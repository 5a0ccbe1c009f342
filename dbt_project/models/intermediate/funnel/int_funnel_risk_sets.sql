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

by_dimension as (

    {%- for dimension in ['(all)'] + dimensions %}
        select
            {%- for count in counts + ['won_amount'] %}
                coalesce(sum(counted.{{ count }}), 0) as {{ count }},
            {%- endfor %}
            {{ "'(all)'" if dimension == '(all)' else 'counted.' ~ dimension }}
                as dimension_value,
            '{{ dimension }}' as dimension,
            {%- for column in place %}
                counted.{{ column }},
            {%- endfor %}
            counted.segment,
            counted.day
        from counted
        group by
            {%- if dimension != '(all)' %}
                counted.{{ dimension }},
            {%- endif %}
            {%- for column in place %}
                counted.{{ column }},
            {%- endfor %}
            counted.segment,
            counted.day
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

looked_at as (

    select by_dimension.* from by_dimension
    {%- for day in [7, 30, 90, 180] %}
        union all
        select
            {%- for count in counts + ['won_amount'] %}
                0 as {{ count }},
            {%- endfor %}
            by_dimension.dimension_value,
            by_dimension.dimension,
            {%- for column in place %}
                by_dimension.{{ column }},
            {%- endfor %}
            by_dimension.segment,
            {{ day }} as day
        from by_dimension
        where by_dimension.day = -1
    {%- endfor %}

),

cohorts as (

    {{ with_all(
        'looked_at',
        all_of=['segment'],
        others=place + ['dimension', 'dimension_value', 'day'],
        sums=counts + ['won_amount'],
    ) }}

),

-- A number for each cohort: sorting by it costs a fraction of sorting by six texts.
numbers as (

    select
        cast(row_number() over (
            order by
                cohorts.cohort_month nulls last,
                cohorts.unit nulls last,
                cohorts.step nulls last,
                cohorts.segment nulls last,
                cohorts.dimension nulls last,
                cohorts.dimension_value nulls last
        ) as integer) as cohort_key,
        cohorts.cohort_month,
        cohorts.unit,
        cohorts.step,
        cohorts.segment,
        cohorts.dimension,
        cohorts.dimension_value
    from cohorts
    where cohorts.day = -1

),

numbered as (

    select
        {%- for count in counts %}
            cast(cohorts.{{ count }} as integer) as {{ count }},
        {%- endfor %}
        cohorts.won_amount,
        cohorts.day,
        numbers.cohort_key
    from cohorts
    inner join numbers
        on
            cohorts.cohort_month = numbers.cohort_month
            and cohorts.unit = numbers.unit
            and cohorts.step = numbers.step
            and cohorts.segment = numbers.segment
            and cohorts.dimension = numbers.dimension
            and cohorts.dimension_value = numbers.dimension_value

),

followed as (

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

),

risk_sets as (

    select
        followed.*,
        numbers.cohort_month,
        numbers.unit,
        numbers.step,
        numbers.segment,
        numbers.dimension,
        numbers.dimension_value
    from followed
    inner join numbers on followed.cohort_key = numbers.cohort_key

)

select * from risk_sets
