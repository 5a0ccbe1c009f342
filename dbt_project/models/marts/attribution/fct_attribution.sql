-- One row per source x opportunity_id x purpose x touch_source x touch_id (NULL where nothing
-- touched it): what each of four models gives to a marketing touch, of what was created and won.
{%- set models = ['first', 'last', 'linear', 'position'] %}
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}
    where restated_date is not null

),

touches as (

    select * from {{ ref('int_attribution_touches') }}
    where headline_position is not null

),

person_touches as (

    select * from {{ ref('int_attribution_reached_touches') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

people as (

    select * from {{ ref('int_people') }}

),

evidence as (

    select * from {{ ref('int_attribution_evidence') }}
    where match = 'headline' and dimension = '(all)' and is_match_known

),

-- Without a touch, one row stands for all.
touched as (

    select
        conversions.*,
        kinds.source as touch_source,
        person_touches.touch_id,
        people.person_key,
        touches.is_role,
        touches.is_converted,
        person_touches.touched_at,
        person_touches.touch_date,
        case when touches.touch_number is null then '(untouched)' else kinds.channel end as channel,
        kinds.campaign_id,
        case when touches.touch_number is null then '(untouched)' else kinds.touch_type end
            as touch_type,
        coalesce(touches.headline_position, 1) as touch_position,
        coalesce(touches.headline_count, 1) as touches_counted
    from conversions
    inner join evidence on evidence.is_match_known
    left join touches on conversions.conversion_key = touches.conversion_key
    left join kinds on touches.kind_number = kinds.kind_number
    left join person_touches on touches.touch_number = person_touches.touch_number
    left join people on person_touches.record_number = people.record_number

),

attribution as (

    select
        -- ids
        touched.source,
        touched.opportunity_id,
        touched.purpose,
        touched.touch_source,
        touched.touch_id,
        touched.person_key,
        touched.campaign_id,

        -- attributes
        touched.fiscal_quarter,
        touched.segment,
        coalesce(touched.channel, '(none)') as channel,
        coalesce(touched.touch_type, '(none)') as touch_type,
        touched.touch_id is null as is_untouched,
        touched.is_role,
        touched.is_converted,

        -- numerics
        touched.amount,
        case when touched.touch_id is not null then touched.touch_position end as touch_position,
        cast(
            case when touched.touch_id is not null then touched.touches_counted else 0 end
            as integer
        ) as touch_count,
        cast({{ dbt.datediff('touched.touch_date', 'touched.cut_off_date', 'day') }} as integer)
            as days_before,
        {%- for model in models %}
            cast(
                {{ attribution_parts(model, 'touched.touch_position', 'touched.touches_counted') }}
                - ({{ attribution_parts(
                    model, '(touched.touch_position - 1)', 'touched.touches_counted'
                ) }}) as double
            ) / ({{ attribution_parts(
                model, 'touched.touches_counted', 'touched.touches_counted'
            ) }}) as {{ model }}_weight,
            cast({{ attributed_amount(
                model, 'touched.amount', 'touched.touch_position', 'touched.touches_counted'
            ) }} as decimal(18, 2)) as {{ model }}_amount,
        {%- endfor %}

        -- dates
        touched.touched_at,
        touched.touch_date,
        touched.creation_date as created_date,
        touched.cut_off_date
    from touched

)

select * from attribution
