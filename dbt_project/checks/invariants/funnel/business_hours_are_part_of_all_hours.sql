-- Hand-offs that took longer in business hours than by the clock, with the same end. (The rules of
-- the two clocks may name other evidence.)
with

handoffs as (

    select * from {{ ref('fct_handoffs') }}

),

clocks as (

    select
        business.source,
        business.person_key,
        business.handoff,
        business.cycle,
        business.elapsed_hours
    from handoffs as business
    inner join handoffs as wall
        on
            business.person_key = wall.person_key
            and business.handoff = wall.handoff
            and business.cycle = wall.cycle
            and wall.clock = 'clock'
            and (
                business.ended_at = wall.ended_at
                or (business.ended_at is null and wall.ended_at is null)
            )
    where
        business.clock = 'business'
        and business.elapsed_hours > wall.elapsed_hours + 1e-9

)

select * from clocks
