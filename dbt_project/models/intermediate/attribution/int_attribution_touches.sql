-- One row per conversion x way to find its people (by the opportunity, by the account) x touch that
-- counts, or counted when it was reported: its place among the touches of each match. A touch of
-- whom was another person then has a row of its own as it was reported (is_as_reported).
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
{%- set sides = {'restated': '', 'reported': 'reported_'} %}
{%- set counted_by = {
    'opportunity': [
        'counting.is_role', 'counting.is_converted',
        'counting.is_reported_role', 'counting.is_reported_converted',
    ],
    'account': ['counting.is_account', 'counting.is_reported_account'],
} %}
{%- set same_day = ['conversion_key', 'person_number', 'kind_number', 'touch_date'] %}
{%- set so_far = 'partition by counting.conversion_key order by counting.touch_number nulls last '
    ~ 'rows between unbounded preceding and current row' %}
with

reach as (

    select * from {{ ref('int_attribution_reach') }}

),

touches as (

    select * from {{ ref('int_attribution_reached_touches') }}

),

{% for way in ['opportunity', 'account'] %}
    reached_by_{{ way }} as (

        select
            reach.conversion_key,
            reach.person_number,
            reach.restated_date,
            reach.reported_date,
            {%- if way == 'opportunity' %}
                reach.role_from,
                reach.converted_from,
            {%- else %}
                reach.account_from,
            {%- endif %}
            touches.touch_number,
            touches.kind_number,
            touches.touch_date,
            touches.known_from
        from touches
        inner join reach
            on
                touches.record_number = reach.record_number
                and touches.touch_date >= reach.window_start_date
                and touches.touch_date <= reach.cut_off_date
        where reach.reached_by = '{{ way }}'

    ),

{% endfor %}
-- What counts today, and what counted when the quarter was reported. One touch counts of a person,
-- campaign, type and day: the first. Where the first one was captured later than another, that one
-- counted until then. Few people are touched twice in the same way on a day.
{%- for way, ways_matches in {
    'opportunity': ['role', 'converted'], 'account': ['account'],
}.items() %}
    busy_by_{{ way }} as (

        select {{ columns_of('reached', same_day) }}
        from reached_by_{{ way }} as reached
        group by {{ columns_of('reached', same_day) }}
        having count(*) > 1

    ),

    superseded_by_{{ way }} as (

        select
            reached.conversion_key,
            reached.person_number,
            reached.touch_number,
            min(reached.known_from) over (
                partition by {{ columns_of('reached', same_day) }}
                order by reached.touch_number nulls last
                rows between unbounded preceding and 1 preceding
            ) as known_to
        from reached_by_{{ way }} as reached
        inner join busy_by_{{ way }} as busy on {{ equal_columns('reached', 'busy', same_day) }}

    ),

    counting_by_{{ way }} as (

        select
            {%- for side, prefix in sides.items() %}
                {%- for match in ways_matches %}
                    coalesce(
                        reached.{{ match }}_from <= reached.{{ side }}_date
                        and reached.known_from <= reached.{{ side }}_date
                        and reached.touch_date <= reached.{{ side }}_date
                        and coalesce(superseded.known_to > reached.{{ side }}_date, true),
                        false
                    ) as is_{{ prefix }}{{ match }},
                {%- endfor %}
            {%- endfor %}
            reached.conversion_key,
            reached.person_number,
            reached.touch_number,
            reached.kind_number
        from reached_by_{{ way }} as reached
        left join superseded_by_{{ way }} as superseded
            on
                reached.conversion_key = superseded.conversion_key
                and reached.person_number = superseded.person_number
                and reached.touch_number = superseded.touch_number

    ),

{% endfor %}
-- Of an opportunity's people, each match has its own places; those of an account's have one.
placed as (

    {%- for way, ways_matches in {
        'opportunity': ['headline', 'role', 'converted'], 'account': ['account'],
    }.items() %}
        select
            '{{ way }}' as reached_by,
            {%- for prefix in sides.values() %}
                {%- for match in matches %}
                    {%- if match in ways_matches %}
                        {%- set counts =
                            'counting.is_' ~ prefix ~ 'role or counting.is_' ~ prefix ~ 'converted'
                            if match == 'headline' else 'counting.is_' ~ prefix ~ match %}
                        cast(
                            case
                                when {{ counts }}
                                    then
                                        sum(case when {{ counts }} then 1 else 0 end)
                                            over ({{ so_far }})
                            end as integer
                        ) as {{ prefix }}{{ match }}_position,
                        cast(
                            sum(case when {{ counts }} then 1 else 0 end) over (
                                partition by counting.conversion_key
                            ) as integer
                        ) as {{ prefix }}{{ match }}_count,
                    {%- else %}
                        cast(null as integer) as {{ prefix }}{{ match }}_position,
                        0 as {{ prefix }}{{ match }}_count,
                    {%- endif %}
                {%- endfor %}
            {%- endfor %}
            counting.conversion_key,
            counting.touch_number,
            counting.kind_number,
            counting.person_number < 0 as is_as_reported,
            {{ 'counting.is_role' if way == 'opportunity' else 'false' }} as is_role,
            {{ 'counting.is_converted' if way == 'opportunity' else 'false' }} as is_converted
        from counting_by_{{ way }} as counting
        where {{ counted_by[way] | join(' or ') }}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

)

select * from placed
