-- One row per marketing touch: whom it touched, and of which kind it is.
with

touches as (

    select * from {{ ref('stg_touch') }}
    where not is_tombstone and touched_at is not null

),

people as (

    select * from {{ ref('int_people') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

dated as (

    select
        touches.*,
        {{ business_date('touches.touched_at') }} as touch_date
    from touches

),

person_touches as (

    select
        people.person_number,
        people.record_number,
        kinds.kind_number,
        dated.touch_id,
        dated.touched_at,
        dated.touch_date,
        dated.valid_from as known_from,
        -- and that it touched somebody, once the person is captured
        greatest(dated.valid_from, people.first_captured_date) as person_known_from
    from dated
    inner join people on dated.source = people.source and dated.person_id = people.person_id
    inner join kinds
        on
            dated.source = kinds.source
            and coalesce(dated.campaign_id, '') = coalesce(kinds.campaign_id, '')
            and coalesce(dated.touch_type, '') = coalesce(kinds.touch_type, '')
            and dated.touch_date >= kinds.valid_from
            and dated.touch_date < kinds.valid_to

)

select * from person_touches
