-- One row per conversion with a touch x match x side (restated, reported): its first touch, and
-- whether that says that marketing sourced the opportunity.
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

linked as (

    select * from {{ ref('int_attribution_people') }}
    where opportunity_id is not null

),

touches as (

    select * from {{ ref('int_attribution_touches') }}

),

people as (

    select * from {{ ref('dim_person') }}

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
                touches.touched_at,
                touches.touch_date
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

person_activities as (

    select
        coalesce(people.person_key, activities.source || '/' || activities.person_id) as person_key,
        activities.occurred_at,
        {{ business_date('activities.occurred_at') }} as activity_date
    from activities
    left join people
        on activities.source = people.source and activities.person_id = people.person_id
    where activities.person_id is not null

),

-- Sales' activities on the opportunity, and with its people.
met as (

    select
        conversions.conversion_key,
        min(activities.occurred_at) as met_at
    from conversions
    inner join touched on conversions.conversion_key = touched.conversion_key
    inner join activities
        on
            conversions.source = activities.source
            and conversions.opportunity_id = activities.opportunity_id
            and conversions.window_start_date <= {{ business_date('activities.occurred_at') }}
    group by conversions.conversion_key
    union all
    select
        conversions.conversion_key,
        min(person_activities.occurred_at) as met_at
    from conversions
    inner join touched on conversions.conversion_key = touched.conversion_key
    inner join linked
        on
            conversions.source = linked.source
            and conversions.opportunity_id = linked.opportunity_id
    inner join person_activities
        on
            linked.person_key = person_activities.person_key
            and conversions.window_start_date <= person_activities.activity_date
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
        firsts.touch_date <= conversions.creation_date as is_touched_at_creation,
        firsts.touched_at < coalesce(first_activities.first_activity_at, {{ end_of_time() }})
            as is_touched_before_sales,

        -- timestamps
        firsts.touched_at,
        first_activities.first_activity_at
    from firsts
    inner join conversions on firsts.conversion_key = conversions.conversion_key
    left join first_activities on firsts.conversion_key = first_activities.conversion_key

)

select * from sourcing
