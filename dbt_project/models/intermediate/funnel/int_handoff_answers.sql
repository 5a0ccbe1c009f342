-- One row per person x cycle x wait_number that was answered: between which instants, by what, and
-- since when that is known. Clocks that wait for the same have one answer.
with

handed as (

    select * from {{ ref('int_handoff_starts') }}

),

people as (

    select * from {{ ref('int_people') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}

),

activities as (

    select * from {{ ref('stg_activity') }}
    where not is_tombstone and person_id is not null and owner_id is not null

),

entries as (

    select * from {{ ref('int_lifecycle_entries') }}
    where known_to = {{ end_of_time() }} and step in ('sal', 'sql')

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

capture_days as (

    select * from {{ ref('int_person_capture_days') }}

),

starts as (

    select distinct
        handed.person_number,
        handed.cycle,
        handed.wait_number,
        handed.started_at,
        handed.next_cycle_at,
        handed.cycle = 1 and handed.start_step = 'mql' as is_first_mql
    from handed

),

waits as (

    select distinct
        handed.wait_number,
        handed.end_evidence
    from handed

),

returned as (

    select distinct versions.record_number
    from versions
    cross join policy
    where {{ is_listed('versions.status', 'policy.returned_status') }}

),

statuses as (

    select
        versions.person_number,
        versions.source,
        versions.valid_from,
        {{ is_listed('versions.status', 'policy.returned_status') }} as is_returned,
        lag(versions.valid_from) over record is null as is_first,
        lag({{ is_listed('versions.status', 'policy.returned_status') }}) over record
            as was_returned
    from versions
    inner join returned on versions.record_number = returned.record_number
    cross join policy
    window record as (
        partition by versions.record_number
        order by versions.valid_from nulls last
    )

),

-- When what could be an answer happened: at the earliest, and at the latest.
evidence as (

    select
        versions.source,
        versions.person_number,
        'first_response_at' as evidence,
        versions.first_response_at as from_at,
        versions.first_response_at as to_at,
        min(versions.valid_from) as known_from
    from versions
    where versions.first_response_at is not null
    group by
        versions.source,
        versions.person_number,
        versions.record_number,
        versions.first_response_at
    union all
    select
        people.source,
        people.person_number,
        'activity' as evidence,
        activities.occurred_at as from_at,
        activities.occurred_at as to_at,
        activities.valid_from as known_from
    from activities
    inner join people
        on activities.source = people.source and activities.person_id = people.person_id
    where activities.occurred_at is not null
    union all
    select
        people.source,
        people.person_number,
        entries.step || '_at' as evidence,
        entries.step_at as from_at,
        entries.step_at as to_at,
        entries.known_from
    from entries
    inner join people on entries.record_number = people.record_number
    union all
    -- A status came between the last two times it was read; one that was always there at any time.
    select
        statuses.source,
        statuses.person_number,
        'returned_status' as evidence,
        case
            when statuses.is_first then {{ beginning_of_time() }}
            else coalesce(capture_days.previous_read_at, {{ beginning_of_time() }})
        end as from_at,
        coalesce(
            capture_days.read_at,
            {{ utc_instant(dbt.dateadd('day', 1, 'statuses.valid_from')) }}
        ) as to_at,
        statuses.valid_from as known_from
    from statuses
    left join capture_days
        on
            statuses.source = capture_days.source
            and statuses.valid_from = capture_days.snapshot_date
    where statuses.is_returned and not coalesce(statuses.was_returned, false)

),

-- What is waited for, and had happened when its source was read.
awaited as (

    select
        waits.wait_number,
        {{ dbt.position('evidence.evidence', 'waits.end_evidence') }} as place,
        evidence.*
    from evidence
    inner join waits
        on '|' || waits.end_evidence || '|' like '%|' || evidence.evidence || '|%'
    inner join person_days
        on evidence.source = person_days.source and evidence.from_at <= person_days.read_at

),

fitting as (

    select
        starts.person_number,
        starts.cycle,
        starts.wait_number,
        starts.started_at,
        awaited.evidence,
        awaited.place,
        greatest(awaited.from_at, starts.started_at) as from_at,
        awaited.to_at,
        awaited.known_from,
        awaited.to_at < starts.started_at as is_before,
        -- Who was answered before the start needs no other answer.
        case
            when awaited.to_at < starts.started_at then {{ beginning_of_time() }}
            else awaited.to_at
        end as counted_at
    from awaited
    inner join starts
        on
            awaited.person_number = starts.person_number
            and awaited.wait_number = starts.wait_number
            and coalesce(awaited.from_at < starts.next_cycle_at, true)
            and (
                awaited.to_at >= starts.started_at
                or (awaited.evidence = 'first_response_at' and starts.is_first_mql)
            )

),

ranked as (

    select
        fitting.*,
        min(fitting.from_at) over (
            partition by fitting.person_number, fitting.cycle, fitting.wait_number
        ) as earliest_at,
        row_number() over (
            partition by fitting.person_number, fitting.cycle, fitting.wait_number
            order by
                fitting.counted_at nulls last,
                fitting.to_at nulls last,
                fitting.place nulls last,
                fitting.from_at nulls last,
                fitting.known_from nulls last
        ) as preference
    from fitting

),

answers as (

    select
        ranked.person_number,
        ranked.cycle,
        ranked.wait_number,
        case when ranked.is_before then 'already_answered' else ranked.evidence end as evidence,
        case when ranked.evidence = 'returned_status' then 'day' else 'exact' end as end_precision,
        case when ranked.is_before then ranked.started_at else ranked.earliest_at end
            as earliest_at,
        case when ranked.is_before then ranked.started_at else ranked.to_at end as ended_at,
        ranked.known_from
    from ranked
    where ranked.preference = 1

)

select * from answers
