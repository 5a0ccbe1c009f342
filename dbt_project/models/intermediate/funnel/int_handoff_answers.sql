-- One row per person x cycle x start_step x end_evidence that was answered: between which
-- instants, by what, and since when that is known. Clocks that wait for the same have one answer.
with

handed as (

    select * from {{ ref('int_handoff_starts') }}

),

people as (

    select * from {{ ref('dim_person') }}

),

records as (

    select * from {{ ref('int_people') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

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

starts as (

    select distinct
        handed.person_key,
        handed.cycle,
        handed.start_step,
        handed.end_evidence,
        handed.started_at,
        handed.read_at,
        handed.next_cycle_at
    from handed

),

returned as (

    select distinct
        versions.source,
        versions.person_id
    from versions
    cross join policy
    where {{ is_listed('versions.status', 'policy.returned_status') }}

),

statuses as (

    select
        versions.source,
        versions.person_id,
        versions.valid_from,
        {{ is_listed('versions.status', 'policy.returned_status') }} as is_returned,
        lag(versions.valid_from) over record is null as is_first,
        lag({{ is_listed('versions.status', 'policy.returned_status') }}) over record
            as was_returned
    from versions
    inner join returned
        on versions.source = returned.source and versions.person_id = returned.person_id
    cross join policy
    window record as (
        partition by versions.source, versions.person_id
        order by versions.valid_from nulls last
    )

),

-- When what could be an answer happened: at the earliest, and at the latest.
evidence as (

    select
        versions.source,
        versions.person_id,
        'first_response_at' as evidence,
        versions.first_response_at as from_at,
        versions.first_response_at as to_at,
        min(versions.valid_from) as known_from
    from versions
    where versions.first_response_at is not null
    group by versions.source, versions.person_id, versions.first_response_at
    union all
    select
        activities.source,
        activities.person_id,
        'activity' as evidence,
        activities.occurred_at as from_at,
        activities.occurred_at as to_at,
        activities.valid_from as known_from
    from activities
    where activities.occurred_at is not null
    union all
    select
        records.source,
        records.person_id,
        entries.step || '_at' as evidence,
        entries.step_at as from_at,
        entries.step_at as to_at,
        entries.known_from
    from entries
    inner join records on entries.record_number = records.record_number
    union all
    -- A status has a day, and one that was there from the first day on has none.
    select
        statuses.source,
        statuses.person_id,
        'returned_status' as evidence,
        case
            when statuses.is_first then {{ beginning_of_time() }}
            else {{ utc_instant('statuses.valid_from') }}
        end as from_at,
        {{ utc_instant(dbt.dateadd('day', 1, 'statuses.valid_from')) }} as to_at,
        statuses.valid_from as known_from
    from statuses
    where statuses.is_returned and not coalesce(statuses.was_returned, false)

),

of_people as (

    select
        people.person_key,
        evidence.*
    from evidence
    inner join people on evidence.source = people.source and evidence.person_id = people.person_id

),

fitting as (

    select
        starts.person_key,
        starts.cycle,
        starts.start_step,
        starts.end_evidence,
        starts.started_at,
        of_people.evidence,
        greatest(of_people.from_at, starts.started_at) as from_at,
        of_people.to_at,
        of_people.known_from,
        of_people.to_at < starts.started_at as is_before,
        -- Who was answered before the start needs no other answer.
        case
            when of_people.to_at < starts.started_at then {{ beginning_of_time() }}
            else of_people.to_at
        end as counted_at
    from starts
    inner join of_people
        on
            starts.person_key = of_people.person_key
            and '|' || starts.end_evidence || '|' like '%|' || of_people.evidence || '|%'
            and starts.read_at >= of_people.from_at
            and coalesce(starts.next_cycle_at > of_people.from_at, true)
            and (
                starts.started_at <= of_people.to_at
                or (
                    of_people.evidence = 'first_response_at'
                    and starts.cycle = 1
                    and starts.start_step = 'mql'
                )
            )

),

earliest as (

    select
        fitting.person_key,
        fitting.cycle,
        fitting.start_step,
        fitting.end_evidence,
        min(fitting.from_at) as earliest_at,
        min(fitting.counted_at) as counted_at
    from fitting
    group by fitting.person_key, fitting.cycle, fitting.start_step, fitting.end_evidence

),

ranked as (

    select
        fitting.*,
        earliest.earliest_at,
        row_number() over (
            partition by
                fitting.person_key, fitting.cycle, fitting.start_step, fitting.end_evidence
            order by
                fitting.to_at nulls last,
                fitting.from_at nulls last,
                fitting.evidence nulls last,
                fitting.known_from nulls last
        ) as preference
    from fitting
    inner join earliest
        on
            fitting.person_key = earliest.person_key
            and fitting.cycle = earliest.cycle
            and fitting.start_step = earliest.start_step
            and fitting.end_evidence = earliest.end_evidence
            and fitting.counted_at = earliest.counted_at

),

answers as (

    select
        ranked.person_key,
        ranked.cycle,
        ranked.start_step,
        ranked.end_evidence,
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
