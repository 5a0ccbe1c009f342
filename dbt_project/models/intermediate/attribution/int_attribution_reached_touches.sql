-- One row per marketing touch of whom a conversion reaches, numbered in the order in which they
-- happened.
with

reach as (

    select * from {{ ref('int_attribution_reach') }}

),

touches as (

    select * from {{ ref('int_person_touches') }}

),

windows as (

    select
        reach.record_number,
        min(reach.window_start_date) as window_start_date,
        max(reach.cut_off_date) as cut_off_date
    from reach
    group by reach.record_number

),

-- Kinds are in the order of their sources.
numbered as (

    select
        cast(row_number() over (
            order by
                touches.touched_at nulls last,
                touches.touch_id nulls last,
                touches.kind_number nulls last
        ) as integer) as touch_number,
        touches.person_number,
        touches.record_number,
        touches.kind_number,
        touches.touch_id,
        touches.touched_at,
        touches.touch_date,
        touches.known_from
    from touches
    inner join windows
        on
            touches.record_number = windows.record_number
            and touches.touch_date >= windows.window_start_date
            and touches.touch_date <= windows.cut_off_date

)

select * from numbered
