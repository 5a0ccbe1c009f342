-- One row per opportunity that ever had people on it x threshold of few_contacts x day from which
-- on their number is another; before the first, a row without.
with

roles as (

    select * from {{ ref('stg_opportunity_contact_role') }}
    where not is_tombstone

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

rules as (

    select * from {{ ref('stg_stall_rules') }}
    where rule = 'few_contacts' and threshold is not null

),

thresholds as (

    select rules.threshold from rules
    group by rules.threshold

),

events as (

    select
        roles.source,
        roles.opportunity_id,
        roles.valid_from as known_from,
        1 as contact_delta
    from roles
    union all
    select
        roles.source,
        roles.opportunity_id,
        roles.valid_to as known_from,
        -1 as contact_delta
    from roles
    where roles.valid_to < {{ end_of_time() }}

),

changes as (

    select
        opportunities.opportunity_key,
        events.known_from,
        sum(events.contact_delta) as contact_delta
    from events
    inner join opportunities
        on
            events.source = opportunities.source
            and events.opportunity_id = opportunities.opportunity_id
    group by opportunities.opportunity_key, events.known_from
    having sum(events.contact_delta) <> 0

),

days as (

    select * from changes
    union all
    select
        changes.opportunity_key,
        {{ beginning_of_time() }} as known_from,
        0 as contact_delta
    from changes
    group by changes.opportunity_key

),

counts as (

    select
        days.opportunity_key,
        days.known_from,
        cast(sum(days.contact_delta) over so_far as integer) as contact_count,
        cast(coalesce(lead(days.known_from) over so_far, {{ end_of_time() }}) as date) as known_to
    from days
    window so_far as (
        partition by days.opportunity_key
        order by days.known_from nulls last
    )

),

contacts as (

    select
        counts.opportunity_key,
        thresholds.threshold,
        counts.contact_count,
        counts.known_from,
        counts.known_to,
        max(case when counts.contact_count >= thresholds.threshold then counts.known_to end)
            over so_far as few_from,
        min(case when counts.contact_count >= thresholds.threshold then counts.known_from end)
            over afterwards as next_enough_date
    from counts
    cross join thresholds
    window
        so_far as (
            partition by counts.opportunity_key, thresholds.threshold
            order by counts.known_from nulls last
            rows between unbounded preceding and current row
        ),
        afterwards as (
            partition by counts.opportunity_key, thresholds.threshold
            order by counts.known_from nulls last
            rows between 1 following and unbounded following
        )

)

select * from contacts
