-- One row per person whom marketing touched: the first touch.
with

touches as (

    select * from {{ ref('int_person_touches') }}

),

times as (

    select
        touches.person_number,
        min(touches.touched_at) as touched_at
    from touches
    group by touches.person_number

),

-- Of several at one time, that of the first id; kinds are in the order of their sources.
numbered as (

    select
        touches.person_number,
        touches.kind_number,
        touches.touch_date,
        touches.person_known_from,
        row_number() over (
            partition by touches.person_number
            order by touches.touch_id nulls last, touches.kind_number nulls last
        ) as place
    from touches
    inner join times
        on
            touches.person_number = times.person_number
            and touches.touched_at = times.touched_at

),

first_touches as (

    select
        numbered.person_number,
        numbered.kind_number,
        numbered.touch_date,
        numbered.person_known_from
    from numbered
    where numbered.place = 1

)

select * from first_touches
