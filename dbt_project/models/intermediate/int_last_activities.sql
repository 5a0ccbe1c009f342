-- One row per opportunity with activities x day from which on a later one is known; before the
-- first, a row without.
with

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

fields as (

    select
        opportunities.opportunity_key,
        {{ business_date('versions.last_activity_at') }} as activity_date,
        min(versions.valid_from) as known_from
    from {{ ref('stg_opportunity') }} as versions
    inner join opportunities
        on
            versions.source = opportunities.source
            and versions.opportunity_id = opportunities.opportunity_id
    where versions.last_activity_at is not null and not versions.is_tombstone
    group by opportunities.opportunity_key, {{ business_date('versions.last_activity_at') }}

),

events as (

    select
        opportunities.opportunity_key,
        {{ business_date('activities.occurred_at') }} as activity_date,
        min(activities.valid_from) as known_from
    from {{ ref('stg_activity') }} as activities
    inner join opportunities
        on
            activities.source = opportunities.source
            and activities.opportunity_id = opportunities.opportunity_id
    where activities.occurred_at is not null and not activities.is_tombstone
    group by opportunities.opportunity_key, {{ business_date('activities.occurred_at') }}

),

-- What is planned for a later day is known, and has not happened.
points as (

    select
        facts.opportunity_key,
        greatest(facts.known_from, facts.activity_date) as known_from,
        max(facts.activity_date) as activity_date
    from (
        select * from fields
        union all
        select * from events
    ) as facts
    group by facts.opportunity_key, greatest(facts.known_from, facts.activity_date)

),

running as (

    select
        points.opportunity_key,
        points.known_from,
        max(points.activity_date) over (
            partition by points.opportunity_key
            order by points.known_from nulls last
            rows between unbounded preceding and current row
        ) as last_activity_date,
        max(points.activity_date) over (
            partition by points.opportunity_key
            order by points.known_from nulls last
            rows between unbounded preceding and 1 preceding
        ) as earlier_activity_date
    from points

),

advances as (

    select
        running.opportunity_key,
        running.known_from,
        running.last_activity_date
    from running
    where
        running.earlier_activity_date is null
        or running.last_activity_date > running.earlier_activity_date
    union all
    select
        points.opportunity_key,
        {{ beginning_of_time() }} as known_from,
        null as last_activity_date
    from points
    group by points.opportunity_key

)

select
    advances.opportunity_key,
    advances.last_activity_date,
    advances.known_from,
    cast(coalesce(
        lead(advances.known_from) over (
            partition by advances.opportunity_key order by advances.known_from nulls last
        ),
        {{ end_of_time() }}
    ) as date) as known_to
from advances
