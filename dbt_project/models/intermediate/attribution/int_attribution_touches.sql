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

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

linked as (

    select * from {{ ref('int_attribution_people') }}

),

person_touches as (

    select * from {{ ref('int_person_touches') }}

),

people_then as (

    select * from {{ ref('int_attribution_people_as_reported') }}

),

-- Of whom other records were one person when it was reported.
others as (

    select distinct
        people_then.as_of_date,
        people_then.later_person_number as person_number
    from people_then

),

reached_people as (

    select distinct linked.person_number
    from linked

),

-- Touches of people as they are today, and as they were then, if any deal or account is theirs.
touches as (

    select
        person_touches.touch_number,
        person_touches.person_number,
        person_touches.kind_number,
        person_touches.touch_date,
        person_touches.known_from
    from person_touches
    inner join reached_people on person_touches.person_number = reached_people.person_number
    union all
    select
        person_touches.touch_number,
        people_then.person_number,
        person_touches.kind_number,
        person_touches.touch_date,
        person_touches.known_from
    from people_then
    inner join reached_people on people_then.person_number = reached_people.person_number
    inner join person_touches on people_then.record_number = person_touches.record_number

),

-- A number of its own for each account: that of its first conversion.
accounts as (

    select
        conversions.source,
        conversions.account_id,
        min(conversions.conversion_key) as account_key
    from conversions
    where conversions.account_id is not null
    group by conversions.source, conversions.account_id

),

account_conversions as (

    select
        accounts.account_key,
        conversions.conversion_key,
        conversions.window_start_date,
        conversions.cut_off_date,
        conversions.people_until,
        conversions.restated_date,
        conversions.reported_date
    from conversions
    inner join accounts
        on
            conversions.source = accounts.source
            and conversions.account_id = accounts.account_id

),

account_touches as (

    select
        accounts.account_key,
        linked.as_of_date,
        linked.person_number,
        linked.account_from,
        touches.touch_number,
        touches.kind_number,
        touches.touch_date,
        touches.known_from
    from linked
    inner join accounts
        on linked.source = accounts.source and linked.account_id = accounts.account_id
    inner join touches on linked.person_number = touches.person_number

),

reached_by_opportunity as (

    select
        conversions.conversion_key,
        linked.person_number,
        case when linked.as_of_date is null then conversions.restated_date end as restated_date,
        case when others.person_number is null then conversions.reported_date end as reported_date,
        case when linked.role_from <= conversions.people_until then linked.role_from end
            as role_from,
        linked.converted_from,
        touches.touch_number,
        touches.kind_number,
        touches.touch_date,
        touches.known_from
    from conversions
    inner join linked
        on
            conversions.source = linked.source
            and conversions.opportunity_id = linked.opportunity_id
            and coalesce(
                conversions.reported_date = linked.as_of_date, linked.as_of_date is null
            )
    left join others
        on
            conversions.reported_date = others.as_of_date
            and linked.person_number = others.person_number
    inner join touches
        on
            linked.person_number = touches.person_number
            and conversions.cut_off_date >= touches.touch_date
            and conversions.window_start_date <= touches.touch_date
    where
        linked.role_from <= conversions.people_until
        or linked.converted_from is not null

),

reached_by_account as (

    select
        account_conversions.conversion_key,
        account_touches.person_number,
        case when account_touches.as_of_date is null then account_conversions.restated_date end
            as restated_date,
        case when others.person_number is null then account_conversions.reported_date end
            as reported_date,
        account_touches.account_from,
        account_touches.touch_number,
        account_touches.kind_number,
        account_touches.touch_date,
        account_touches.known_from
    from account_touches
    inner join account_conversions
        on
            account_touches.account_key = account_conversions.account_key
            and account_touches.account_from <= account_conversions.people_until
            and account_touches.touch_date <= account_conversions.cut_off_date
            and account_touches.touch_date >= account_conversions.window_start_date
            and coalesce(
                account_touches.as_of_date = account_conversions.reported_date,
                account_touches.as_of_date is null
            )
    left join others
        on
            account_touches.person_number = others.person_number
            and account_conversions.reported_date = others.as_of_date

),

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
