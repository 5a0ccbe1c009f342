-- One row per conversion x way to find its people (by the opportunity, by the account) x side
-- (restated, reported) x touch that counts: its place among the touches of each match.
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
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

-- One counts of a person, campaign, type and day: the first. Where the first one was captured later
-- than another, that one counted until then.
counted_touches as (

    select
        person_touches.*,
        greatest(person_touches.valid_from, person_touches.touch_date) as touch_known_from,
        coalesce(
            min(person_touches.valid_from) over (
                partition by
                    person_touches.person_key,
                    person_touches.touch_source,
                    person_touches.campaign_id,
                    person_touches.touch_type,
                    person_touches.touch_date
                order by person_touches.touched_at nulls last, person_touches.touch_id nulls last
                rows between unbounded preceding and 1 preceding
            ),
            {{ end_of_time() }}
        ) as touch_known_to
    from person_touches

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
        conversions.conversion_key,
        conversions.restated_date,
        conversions.reported_date,
        'opportunity' as reached_by,
        case when linked.role_from <= conversions.people_until then linked.role_from end
            as role_from,
        linked.converted_from,
        linked.account_from,
        counted_touches.*
    from conversions
    inner join linked
        on
            conversions.source = linked.source
            and conversions.opportunity_id = linked.opportunity_id
    inner join counted_touches
        on
            linked.person_key = counted_touches.person_key
            and conversions.cut_off_date >= counted_touches.touch_date
            and conversions.window_start_date <= counted_touches.touch_date
    where
        linked.role_from <= conversions.people_until
        or linked.converted_from is not null
    union all
    select
        conversions.conversion_key,
        conversions.restated_date,
        conversions.reported_date,
        'account' as reached_by,
        linked.role_from,
        linked.converted_from,
        linked.account_from,
        counted_touches.*
    from linked
    inner join counted_touches on linked.person_key = counted_touches.person_key
    inner join conversions
        on
            linked.source = conversions.source
            and linked.account_id = conversions.account_id
            and linked.account_from <= conversions.people_until
            and counted_touches.touch_date <= conversions.cut_off_date
            and counted_touches.touch_date >= conversions.window_start_date

),

-- What counts today, and what counted when the quarter was reported.
sided as (

    select
        reached.*,
        campaign_versions.channel,
        {%- for side in ['restated', 'reported'] %}
            {%- for match in matches[1:] %}
                coalesce(
                    reached.{{ match }}_from <= reached.{{ side }}_date
                    and reached.touch_known_from <= reached.{{ side }}_date
                    and reached.touch_known_to > reached.{{ side }}_date,
                    false
                ) as is_{{ side }}_{{ match }},
            {%- endfor %}
        {%- endfor %}
        coalesce(campaign_versions.first_captured_date <= reached.reported_date, true)
            as is_reported_channel
    from reached
    left join campaign_versions
        on
            reached.touch_source = campaign_versions.source
            and reached.campaign_id = campaign_versions.campaign_id
            and reached.touch_date >= campaign_versions.valid_from
            and reached.touch_date < campaign_versions.valid_to

),

-- Most quarters are told as they were reported: these conversions are counted once.
changed as (

    select sided.conversion_key
    from sided
    where
        sided.restated_date is null
        or not sided.is_reported_channel
        {%- for match in matches[1:] %}
            or sided.is_restated_{{ match }} <> sided.is_reported_{{ match }}
        {%- endfor %}
    group by sided.conversion_key

),

counting as (

    {%- for side in ['restated', 'reported'] %}
        select
            sided.conversion_key,
            sided.reached_by,
            {{ 'true' if side == 'restated' else 'false' }} as is_restated,
            {{ 'changed.conversion_key is null and sided.reported_date is not null'
                if side == 'restated' else 'true' }} as is_reported,
            sided.touch_source,
            sided.touch_id,
            sided.person_key,
            sided.campaign_id,
            sided.touch_type,
            {{ 'sided.channel' if side == 'restated'
                else 'case when sided.is_reported_channel then sided.channel end' }} as channel,
            sided.is_{{ side }}_role as is_role,
            sided.is_{{ side }}_converted as is_converted,
            sided.touched_at,
            sided.touch_date
        from sided
        {{ 'left' if side == 'restated' else 'inner' }} join changed
            on sided.conversion_key = changed.conversion_key
        where
            sided.is_{{ side }}_role
            or sided.is_{{ side }}_converted
            or sided.is_{{ side }}_account
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

placed as (

    select
        {%- for match in matches %}
            {%- set counts = {
                'headline': "counting.reached_by = 'opportunity'",
                'role': 'counting.is_role',
                'converted': 'counting.is_converted',
                'account': "counting.reached_by = 'account'",
            }[match] %}
            cast(
                case
                    when {{ counts }}
                        then sum(case when {{ counts }} then 1 else 0 end) over so_far
                end as integer
            ) as {{ match }}_position,
            cast(
                sum(case when {{ counts }} then 1 else 0 end) over whole as integer
            ) as {{ match }}_count,
        {%- endfor %}
        counting.*
    from counting
    window
        so_far as (
            partition by counting.conversion_key, counting.is_restated, counting.reached_by
            order by
                counting.touched_at nulls last,
                counting.touch_id nulls last,
                counting.touch_source nulls last
        ),
        whole as (
            partition by counting.conversion_key, counting.is_restated, counting.reached_by
            order by
                counting.touched_at nulls last,
                counting.touch_id nulls last,
                counting.touch_source nulls last
            rows between unbounded preceding and unbounded following
        )

)

select * from placed
