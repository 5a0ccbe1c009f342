-- One row per conversion with a touch x match x side (restated, reported): its first touch, and
-- whether that says that marketing sourced the opportunity.
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

linked as (

    select * from {{ ref('int_attribution_people') }}
    where as_of_date is null and opportunity_id is not null

),

touches as (

    select * from {{ ref('int_attribution_touches') }}

),

people as (

    select * from {{ ref('int_people') }}

),

person_touches as (

    select * from {{ ref('int_attribution_reached_touches') }}

),

activities as (

    select * from {{ ref('stg_activity') }}
    where not is_tombstone and occurred_at is not null

),

firsts as (

    {%- for match in matches %}
        {%- for side, prefix in {'restated': '', 'reported': 'reported_'}.items() %}
            select
                touches.conversion_key,
                '{{ match }}' as match,
                '{{ side }}' as side,
                touches.touch_number
            from touches
            where touches.{{ prefix }}{{ match }}_position = 1
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

touched as (

    select firsts.conversion_key
    from firsts
    group by firsts.conversion_key

),

dated as (

    select
        activities.source,
        activities.opportunity_id,
        activities.person_id,
        activities.occurred_at,
        {{ business_date('activities.occurred_at') }} as activity_date
    from activities

),

-- Sales' activities on the opportunity, and with its people.
met as (

    select
        conversions.conversion_key,
        min(dated.occurred_at) as met_at
    from conversions
    inner join touched on conversions.conversion_key = touched.conversion_key
    inner join dated
        on
            conversions.source = dated.source
            and conversions.opportunity_id = dated.opportunity_id
            and conversions.window_start_date <= dated.activity_date
    group by conversions.conversion_key
    union all
    select
        conversions.conversion_key,
        min(dated.occurred_at) as met_at
    from conversions
    inner join touched on conversions.conversion_key = touched.conversion_key
    inner join linked
        on
            conversions.source = linked.source
            and conversions.opportunity_id = linked.opportunity_id
    inner join people on linked.person_number = people.person_number
    inner join dated
        on
            people.source = dated.source
            and people.person_id = dated.person_id
            and conversions.window_start_date <= dated.activity_date
    where
        linked.role_from <= conversions.people_until
        or linked.converted_from is not null
    group by conversions.conversion_key

),

first_activities as (

    select
        met.conversion_key,
        min(met.met_at) as first_activity_at
    from met
    group by met.conversion_key

),

sourcing as (

    select
        -- ids
        firsts.conversion_key,
        firsts.match,
        firsts.side,

        -- attributes
        person_touches.touch_date <= conversions.creation_date as is_touched_at_creation,
        person_touches.touched_at
        < coalesce(first_activities.first_activity_at, {{ end_of_time() }})
            as is_touched_before_sales,

        -- timestamps
        person_touches.touched_at,
        first_activities.first_activity_at
    from firsts
    inner join person_touches on firsts.touch_number = person_touches.touch_number
    inner join conversions on firsts.conversion_key = conversions.conversion_key
    left join first_activities on firsts.conversion_key = first_activities.conversion_key

)

select * from sourcing
