-- One row per person's record x touch that was its first: from when to when that was known, and
-- whether it is the person's first touch today.
with

touches as (

    select * from {{ ref('int_person_touches') }}

),

firsts as (

    select
        touches.record_number,
        min(touches.touched_at) as touched_at,
        min(touches.known_from) as first_known_from
    from touches
    group by touches.record_number

),

-- Of several at one time, that of the first id; kinds are in the order of their sources.
earliest as (

    select
        touches.*,
        firsts.first_known_from,
        row_number() over (
            partition by touches.record_number
            order by touches.touch_id nulls last, touches.kind_number nulls last
        ) as place
    from touches
    inner join firsts
        on
            touches.record_number = firsts.record_number
            and touches.touched_at = firsts.touched_at

),

-- Where another touch was known before the earliest one, that was the first until then.
late as (

    select earliest.record_number
    from earliest
    where earliest.place = 1 and earliest.known_from > earliest.first_known_from

),

placed as (

    select
        touches.*,
        row_number() over (
            partition by touches.record_number
            order by
                touches.touched_at nulls last,
                touches.touch_id nulls last,
                touches.kind_number nulls last
        ) as place
    from touches
    inner join late on touches.record_number = late.record_number

),

compared as (

    select
        placed.*,
        min(placed.place) over (
            partition by placed.record_number
            order by placed.known_from nulls last, placed.place nulls last
            rows between unbounded preceding and 1 preceding
        ) as known_place
    from placed

),

known_firsts as (

    select
        earliest.person_number,
        earliest.record_number,
        earliest.kind_number,
        earliest.touch_id,
        earliest.touched_at,
        earliest.touch_date,
        earliest.person_known_from,
        earliest.known_from,
        {{ end_of_time() }} as known_to
    from earliest
    where earliest.place = 1 and earliest.known_from = earliest.first_known_from
    union all
    select
        compared.person_number,
        compared.record_number,
        compared.kind_number,
        compared.touch_id,
        compared.touched_at,
        compared.touch_date,
        compared.person_known_from,
        compared.known_from,
        coalesce(
            lead(compared.known_from) over (
                partition by compared.record_number
                order by compared.known_from nulls last
            ),
            {{ end_of_time() }}
        ) as known_to
    from compared
    where coalesce(compared.place < compared.known_place, true)

),

first_touches as (

    select
        known_firsts.*,
        known_firsts.known_to = {{ end_of_time() }}
        and row_number() over (
            partition by known_firsts.person_number, known_firsts.known_to
            order by
                known_firsts.touched_at nulls last,
                known_firsts.touch_id nulls last,
                known_firsts.kind_number nulls last
        ) = 1 as is_first_of_person
    from known_firsts

)

select * from first_touches
