-- One row per cohort of a funnel's step (month x unit x step x segment, `(all)` included, x
-- dimension x its value) x day on which something happens in it: who went on or was given back, and
-- how many were followed. The day before the first says which cohort it is, and who entered.
{%- set dimensions = ['lead_source', 'channel', 'campaign'] %}
{%- set place = ['cohort_month', 'unit', 'step'] %}
{%- set events = ['converted', 'recycled', 'still_open'] %}
{%- set totals = ['undated', 'reached_opportunity', 'reached_won', 'reported_entered'] %}
with

entries as (

    select * from {{ ref('int_funnel_entries') }}

),

as_reported as (

    select * from {{ ref('int_funnel_as_reported') }}

),

-- What the month's report knew is what is known today, but for what is as_reported.
entrants as (

    select
        {%- for column in place + ['segment'] + dimensions %}
            entries.{{ column }},
        {%- endfor %}
        entries.outcome,
        entries.days,
        case when entries.outcome = 'undated' then 0 else 1 end as entered,
        case when entries.outcome = 'undated' then 1 else 0 end as undated,
        case when entries.outcome = 'undated' then 0 else entries.reached_opportunity end
            as reached_opportunity,
        case when entries.outcome = 'undated' then 0 else entries.reached_won end as reached_won,
        case
            when
                entries.outcome <> 'undated'
                and entries.known_from <= {{ dbt.last_day('entries.cohort_month', 'month') }}
                then 1
            else 0
        end as reported_entered,
        case when entries.outcome = 'undated' then 0 else entries.won_amount end as won_amount
    from entries
    union all
    select
        {%- for column in place + ['segment'] + dimensions %}
            as_reported.{{ column }},
        {%- endfor %}
        'reported' as outcome,
        null as days,
        0 as entered,
        {%- for total in totals[:3] %}
            0 as {{ total }},
        {%- endfor %}
        as_reported.reported_entered,
        0 as won_amount
    from as_reported

),

{{ cohort_numbers('entrants', place, dimensions) }},

-- They enter on the day before the first, so that they are followed on the day of entry.
counted as (

    {%- for value in [1] + dimensions %}
        {%- set value = value if loop.first else 'numbered.value_number_' ~ value %}
        select
            numbered.place_number,
            numbered.whole_number,
            {{ value }} as value_number,
            -1 as day,
            cast(sum(numbered.entered) as integer) as entered,
            {%- for event in events %}
                0 as {{ event }},
            {%- endfor %}
            {%- for total in totals %}
                cast(sum(numbered.{{ total }}) as integer) as {{ total }},
            {%- endfor %}
            sum(numbered.won_amount) as won_amount
        from numbered
        group by
            {%- if not loop.first %}
                {{ value }},
            {%- endif %}
            numbered.place_number,
            numbered.whole_number
        union all
        select
            numbered.place_number,
            numbered.whole_number,
            {{ value }} as value_number,
            numbered.days as day,
            0 as entered,
            {%- for event in events %}
                cast(count(*) filter (where numbered.outcome = '{{ event }}') as integer)
                    as {{ event }},
            {%- endfor %}
            {%- for total in totals %}
                0 as {{ total }},
            {%- endfor %}
            0 as won_amount
        from numbered
        where numbered.outcome in ('{{ events | join("', '") }}')
        group by
            {%- if not loop.first %}
                {{ value }},
            {%- endif %}
            numbered.place_number,
            numbered.whole_number,
            numbered.days
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

cohorts as (

    select
        counted.place_number,
        counted.value_number,
        counted.day,
        {{ columns_of('counted', ['entered'] + events + totals + ['won_amount']) }}
    from counted
    union all
    select
        counted.whole_number as place_number,
        counted.value_number,
        counted.day,
        {%- for count in ['entered'] + events + totals %}
            cast(sum(counted.{{ count }}) as integer) as {{ count }},
        {%- endfor %}
        sum(counted.won_amount) as won_amount
    from counted
    group by counted.whole_number, counted.value_number, counted.day

),

names as (

    select
        cast(row_number() over (
            order by cohorts.place_number nulls last, cohorts.value_number nulls last
        ) as integer) as cohort_key,
        cohorts.place_number,
        cohorts.value_number
    from cohorts
    where cohorts.day = -1

),

followed as (

    select
        names.cohort_key,
        cohorts.*,
        cohorts.converted + cohorts.recycled as closed,
        cast(coalesce(
            sum(cohorts.entered - cohorts.converted - cohorts.recycled - cohorts.still_open) over (
                partition by names.cohort_key
                order by cohorts.day nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as integer) as at_risk
    from cohorts
    inner join names
        on
            cohorts.place_number = names.place_number
            and cohorts.value_number = names.value_number

),

risk_sets as (

    select
        followed.cohort_key,
        followed.day,
        followed.at_risk,
        followed.closed,
        {%- for count in ['entered'] + events + totals + ['won_amount'] %}
            followed.{{ count }},
        {%- endfor %}
        places.cohort_month,
        places.unit,
        places.step,
        places.segment,
        cohort_values.dimension,
        cohort_values.dimension_value
    from followed
    left join places on followed.place_number = places.place_number and followed.day = -1
    left join cohort_values
        on followed.value_number = cohort_values.value_number and followed.day = -1

)

select * from risk_sets
