-- One row per person with a marketing touch: the first one, with its campaign's channel of its day,
-- and since when all that is known.
with

touches as (

    select * from {{ ref('stg_touch') }}
    where not is_tombstone and touched_at is not null

),

people as (

    select * from {{ ref('dim_person') }}

),

campaigns as (

    select * from {{ ref('stg_campaign') }}
    where not is_tombstone

),

-- Two short passes instead of one sort of all touches.
firsts as (

    select
        touches.source,
        touches.person_id,
        min(touches.touched_at) as touched_at
    from touches
    group by touches.source, touches.person_id

),

person_firsts as (

    select
        people.person_key,
        min(firsts.touched_at) as touched_at
    from firsts
    inner join people on firsts.source = people.source and firsts.person_id = people.person_id
    group by people.person_key

),

ranked as (

    select
        person_firsts.person_key,
        touches.source,
        touches.campaign_id,
        {{ business_date('touches.touched_at') }} as touch_date,
        greatest(touches.valid_from, people.first_captured_date) as known_from,
        row_number() over (
            partition by person_firsts.person_key
            order by
                touches.touch_id nulls last,
                touches.source nulls last,
                touches.valid_from nulls last
        ) as touch_number
    from firsts
    inner join people on firsts.source = people.source and firsts.person_id = people.person_id
    inner join person_firsts
        on
            people.person_key = person_firsts.person_key
            and firsts.touched_at = person_firsts.touched_at
    inner join touches
        on
            firsts.source = touches.source
            and firsts.person_id = touches.person_id
            and firsts.touched_at = touches.touched_at

),

{{ campaign_versions() }},

first_touches as (

    select
        ranked.person_key,
        ranked.campaign_id,
        coalesce(campaign_versions.channel, '(none)') as channel,
        ranked.touch_date,
        greatest(ranked.known_from, campaign_versions.first_captured_date) as known_from
    from ranked
    left join campaign_versions
        on
            ranked.source = campaign_versions.source
            and ranked.campaign_id = campaign_versions.campaign_id
            and ranked.touch_date >= campaign_versions.valid_from
            and ranked.touch_date < campaign_versions.valid_to
    where ranked.touch_number = 1

)

select * from first_touches
