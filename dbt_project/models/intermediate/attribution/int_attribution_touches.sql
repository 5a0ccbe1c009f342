-- One row per conversion x way to find its people (by the opportunity, by the account) x touch that
-- counts, or counted when it was reported: its place among the touches of each match.
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
{%- set sides = {'restated': '', 'reported': 'reported_'} %}
{%- set so_far = 'partition by counting.conversion_key '
    ~ 'order by counting.touched_at nulls last, counting.touch_id nulls last, '
    ~ 'counting.touch_source nulls last '
    ~ 'rows between unbounded preceding and current row' %}
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

linked as (

    select * from {{ ref('int_attribution_people') }}

),

people as (

    select * from {{ ref('dim_person') }}

),

touches as (

    select * from {{ ref('stg_touch') }}
    where not is_tombstone and touched_at is not null

),

campaigns as (

    select * from {{ ref('stg_campaign') }}
    where not is_tombstone

),

-- The touches of a record that was never captured are those of a person of its own.
person_touches as (

    select
        coalesce(people.person_key, touches.source || '/' || touches.person_id) as person_key,
        touches.source as touch_source,
        touches.touch_id,
        touches.campaign_id,
        touches.touch_type,
        touches.touched_at,
        {{ business_date('touches.touched_at') }} as touch_date,
        touches.valid_from
    from touches
    left join people on touches.source = people.source and touches.person_id = people.person_id

),

-- Few people are touched twice on a day.
busy_days as (

    select
        person_touches.person_key,
        person_touches.touch_date
    from person_touches
    group by person_touches.person_key, person_touches.touch_date
    having count(*) > 1

),

-- One counts of a person, campaign, type and day: the first. Where the first one was captured later
-- than another, that one counted until then.
superseded as (

    select
        person_touches.touch_source,
        person_touches.touch_id,
        min(person_touches.valid_from) over (
            partition by
                person_touches.person_key,
                person_touches.touch_source,
                person_touches.campaign_id,
                person_touches.touch_type,
                person_touches.touch_date
            order by person_touches.touched_at nulls last, person_touches.touch_id nulls last
            rows between unbounded preceding and 1 preceding
        ) as known_to
    from person_touches
    inner join busy_days
        on
            person_touches.person_key = busy_days.person_key
            and person_touches.touch_date = busy_days.touch_date

),

-- Before its first captured day a campaign is what it was then; one that is gone is what it was
-- last.
campaign_versions as (

    select
        campaigns.source,
        campaigns.campaign_id,
        campaigns.channel,
        min(campaigns.valid_from) over versions as first_captured_date,
        case
            when lag(campaigns.valid_from) over versions is null then {{ beginning_of_time() }}
            else campaigns.valid_from
        end as valid_from,
        coalesce(lead(campaigns.valid_from) over versions, {{ end_of_time() }}) as valid_to
    from campaigns
    window versions as (
        partition by campaigns.source, campaigns.campaign_id
        order by campaigns.valid_from nulls last
    )

),

reached as (

    select
        'opportunity' as reached_by,
        conversions.conversion_key,
        conversions.restated_date,
        conversions.reported_date,
        case when linked.role_from <= conversions.people_until then linked.role_from end
            as role_from,
        linked.converted_from,
        linked.account_from,
        person_touches.*
    from conversions
    inner join linked
        on
            conversions.source = linked.source
            and conversions.opportunity_id = linked.opportunity_id
    inner join person_touches
        on
            linked.person_key = person_touches.person_key
            and conversions.cut_off_date >= person_touches.touch_date
            and conversions.window_start_date <= person_touches.touch_date
    where
        linked.role_from <= conversions.people_until
        or linked.converted_from is not null
    union all
    select
        'account' as reached_by,
        conversions.conversion_key,
        conversions.restated_date,
        conversions.reported_date,
        linked.role_from,
        linked.converted_from,
        linked.account_from,
        person_touches.*
    from linked
    inner join person_touches on linked.person_key = person_touches.person_key
    inner join conversions
        on
            linked.source = conversions.source
            and linked.account_id = conversions.account_id
            and linked.account_from <= conversions.people_until
            and person_touches.touch_date <= conversions.cut_off_date
            and person_touches.touch_date >= conversions.window_start_date

),

-- What counts today, and what counted when the quarter was reported.
counting as (

    select
        {%- for side, prefix in sides.items() %}
            {%- for match in matches[1:] %}
                coalesce(
                    reached.{{ match }}_from <= reached.{{ side }}_date
                    and reached.valid_from <= reached.{{ side }}_date
                    and reached.touch_date <= reached.{{ side }}_date
                    and coalesce(superseded.known_to > reached.{{ side }}_date, true),
                    false
                ) as is_{{ prefix }}{{ match }},
            {%- endfor %}
        {%- endfor %}
        reached.conversion_key,
        reached.reached_by,
        reached.touch_source,
        reached.touch_id,
        reached.person_key,
        reached.campaign_id,
        reached.touch_type,
        reached.touched_at,
        reached.touch_date,
        campaign_versions.channel,
        case
            when campaign_versions.first_captured_date <= reached.reported_date
                then campaign_versions.channel
        end as reported_channel
    from reached
    left join superseded
        on
            reached.touch_source = superseded.touch_source
            and reached.touch_id = superseded.touch_id
    left join campaign_versions
        on
            reached.touch_source = campaign_versions.source
            and reached.campaign_id = campaign_versions.campaign_id
            and reached.touch_date >= campaign_versions.valid_from
            and reached.touch_date < campaign_versions.valid_to

),

-- Of an opportunity's people, each match has its own places; those of an account's have one.
placed as (

    {%- for way, ways_matches in {
        'opportunity': ['headline', 'role', 'converted'], 'account': ['account'],
    }.items() %}
        select
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
            counting.reached_by,
            counting.touch_source,
            counting.touch_id,
            counting.person_key,
            counting.campaign_id,
            counting.touch_type,
            counting.channel,
            counting.reported_channel,
            counting.is_role,
            counting.is_converted,
            counting.touched_at,
            counting.touch_date
        from counting
        where
            counting.reached_by = '{{ way }}'
            and (
                {%- for prefix in sides.values() %}
                    {%- for match in matches[1:] %}
                        counting.is_{{ prefix }}{{ match }} or
                    {%- endfor %}
                {%- endfor %}
                false
            )
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

)

select * from placed
