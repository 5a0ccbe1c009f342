-- One row per opportunity with activities x day from which on another one is the last; before the
-- first, a row without.
with

versions as (

    select * from {{ ref('stg_opportunity') }}
    where not is_tombstone

),

activities as (

    select * from {{ ref('stg_activity') }}
    where occurred_at is not null and not is_tombstone

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

dated as (

    select
        opportunities.opportunity_key,
        versions.valid_from,
        {{ business_date('versions.last_activity_at') }} as activity_date
    from versions
    inner join opportunities
        on
            versions.source = opportunities.source
            and versions.opportunity_id = opportunities.opportunity_id

),

-- The CRM's own field, which it may also take back, and each value of it that differs from the
-- one before.
fields as (

    select
        dated.*,
        lag(dated.activity_date) over (
            partition by dated.opportunity_key
            order by dated.valid_from nulls last
        ) as earlier_activity_date
    from dated

),

field_values as (

    select
        fields.opportunity_key,
        fields.activity_date,
        fields.valid_from,
        lead(fields.valid_from) over (
            partition by fields.opportunity_key
            order by fields.valid_from nulls last
        ) as valid_to
    from fields
    where
        fields.activity_date <> fields.earlier_activity_date
        or (fields.activity_date is null) <> (fields.earlier_activity_date is null)

),

events as (

    select
        opportunities.opportunity_key,
        {{ business_date('activities.occurred_at') }} as activity_date,
        min(activities.valid_from) as valid_from
    from activities
    inner join opportunities
        on
            activities.source = opportunities.source
            and activities.opportunity_id = opportunities.opportunity_id
    group by opportunities.opportunity_key, {{ business_date('activities.occurred_at') }}

),

-- What is planned for a later day is known, and has not happened.
points as (

    select
        field_values.opportunity_key,
        greatest(
            field_values.valid_from, coalesce(field_values.activity_date, field_values.valid_from)
        ) as known_from,
        field_values.activity_date as field_date,
        null as event_date,
        1 as field_count
    from field_values
    where coalesce(field_values.activity_date < field_values.valid_to, true)
    union all
    select
        events.opportunity_key,
        greatest(events.valid_from, events.activity_date) as known_from,
        null as field_date,
        max(events.activity_date) as event_date,
        0 as field_count
    from events
    group by events.opportunity_key, greatest(events.valid_from, events.activity_date)

),

numbered as (

    select
        points.*,
        sum(points.field_count) over so_far as field_number,
        max(points.event_date) over so_far as last_event_date
    from points
    window so_far as (
        partition by points.opportunity_key
        order by points.known_from nulls last
    )

),

known as (

    select
        numbered.opportunity_key,
        numbered.known_from,
        greatest(
            numbered.last_event_date,
            max(numbered.field_date) over (
                partition by numbered.opportunity_key, numbered.field_number
            )
        ) as last_activity_date
    from numbered

),

days as (

    select
        known.opportunity_key,
        known.known_from,
        max(known.last_activity_date) as last_activity_date
    from known
    group by known.opportunity_key, known.known_from
    union all
    select
        known.opportunity_key,
        {{ beginning_of_time() }} as known_from,
        null as last_activity_date
    from known
    group by known.opportunity_key

),

compared as (

    select
        days.*,
        coalesce(
            days.last_activity_date > coalesce(
                lag(days.last_activity_date) over earlier, {{ beginning_of_time() }}
            ),
            false
        ) as is_later
    from days
    window earlier as (
        partition by days.opportunity_key
        order by days.known_from nulls last
    )

),

last_activities as (

    select
        compared.opportunity_key,
        compared.last_activity_date,
        compared.known_from,
        cast(coalesce(
            min(compared.known_from) over afterwards, {{ end_of_time() }}
        ) as date) as known_to,
        min(case when compared.is_later then compared.known_from end) over afterwards
            as next_activity_date
    from compared
    window afterwards as (
        partition by compared.opportunity_key
        order by compared.known_from nulls last
        rows between 1 following and unbounded following
    )

)

select * from last_activities
