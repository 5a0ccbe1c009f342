-- One row per person x hand-off x cycle x clock, by numbers: since when who has to answer, within
-- how many hours, and until when that is followed. A rule has a number, and what it waits for.
{%- set columns = [
    'person_number', 'cycle', 'record_number', 'source', 'account_id', 'owner_id', 'owner_date',
    'segment', 'channel', 'lead_score_at_step', 'known_from', 'started_at', 'latest_start_at',
    'started_date', 'rule_number', 'wait_number', 'handoff', 'clock', 'start_step', 'end_evidence',
    'limit_hours', 'responsible',
] %}
with

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

people as (

    select * from {{ ref('int_people') }}

),

lifecycle as (

    select * from {{ ref('int_lifecycle_steps') }}
    where step_precision <> 'left_truncated'

),

named_rules as (

    select * from {{ ref('stg_sla_rules') }}

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

capture_days as (

    select * from {{ ref('int_person_capture_days') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}

),

-- Where only the day of a start is known, it may be as late as the end of the day.
timed as (

    select
        lifecycle.*,
        coalesce(lifecycle.step_at, {{ utc_instant('lifecycle.step_date') }}) as started_at,
        coalesce(
            lifecycle.step_at, {{ utc_instant(dbt.dateadd('day', 1, 'lifecycle.step_date')) }}
        ) as latest_start_at
    from lifecycle

),

-- Who owned the record is seen on the first day that was read after the start.
dated as (

    select
        timed.*,
        least(
            timed.known_from,
            coalesce(
                case
                    when timed.started_at <= capture_days.read_at then capture_days.snapshot_date
                    else capture_days.next_captured_date
                end,
                timed.known_from
            )
        ) as seen_date
    from timed
    left join capture_days
        on timed.source = capture_days.source and timed.step_date = capture_days.snapshot_date

),

-- Few starts are first captured on a later day than that.
owners as (

    select
        dated.person_number,
        dated.cycle,
        dated.step,
        dated.seen_date,
        versions.owner_id
    from versions
    inner join dated
        on
            versions.record_number = dated.record_number
            and versions.valid_from <= dated.seen_date
            and versions.valid_to > dated.seen_date
    where dated.known_from > dated.seen_date

),

starts as (

    select
        dated.*,
        coalesce(owners.seen_date, dated.known_from) as owner_date,
        case when owners.seen_date is null then dated.owner_id else owners.owner_id end
            as start_owner_id
    from dated
    left join owners
        on
            dated.person_number = owners.person_number
            and dated.cycle = owners.cycle
            and dated.step = owners.step

),

-- What answers by itself, and which source ever captured it. (A step only follows an answer.)
captured as (

    select
        extracted.source,
        max(case
            when extracted.entity = 'person' and extracted.column_name = 'first_response_at' then 1
            else 0
        end) as has_responses,
        max(case
            when extracted.entity = 'activity' and extracted.column_name = 'person_id' then 1
            else 0
        end) as has_activities
    from extracted
    group by extracted.source

),

-- Who has records in several sources may be answered in any of them.
several as (

    select people.person_number
    from people
    group by people.person_number
    having count(*) > 1

),

captured_of_people as (

    select
        people.person_number,
        max(captured.has_responses) as has_responses,
        max(captured.has_activities) as has_activities
    from people
    inner join several on people.person_number = several.person_number
    inner join captured on people.source = captured.source
    group by people.person_number

),

-- Of the rules in force on a day, one for the segment wins over one for all, and the latest.
rules as (

    select
        named_rules.*,
        row_number() over (
            order by
                case when named_rules.segment = '*' then 1 else 0 end asc nulls last,
                named_rules.valid_from desc,
                named_rules.handoff asc nulls last,
                named_rules.clock asc nulls last,
                named_rules.segment asc nulls last
        ) as rule_number,
        dense_rank() over (
            order by named_rules.start_step nulls last, named_rules.end_evidence nulls last
        ) as wait_number,
        count(*) over (partition by named_rules.handoff, named_rules.clock) as rule_count
    from named_rules

),

ruled as (

    select
        starts.person_number,
        starts.cycle,
        starts.record_number,
        starts.source,
        starts.account_id,
        starts.start_owner_id as owner_id,
        starts.owner_date,
        starts.segment,
        starts.channel,
        starts.lead_score_at_step,
        starts.known_from,
        starts.started_at,
        starts.latest_start_at,
        starts.step_date as started_date,
        cast(rules.rule_number as integer) as rule_number,
        cast(rules.wait_number as integer) as wait_number,
        rules.rule_count,
        rules.handoff,
        rules.clock,
        rules.start_step,
        rules.end_evidence,
        rules.limit_hours,
        rules.responsible
    from starts
    inner join rules
        on
            starts.step = rules.start_step
            and starts.step_date >= rules.valid_from
            and (rules.segment = '*' or starts.segment = rules.segment)

),

ranked as (

    select
        {%- for column in columns %}
            ruled.{{ column }},
        {%- endfor %}
        1 as preference
    from ruled
    where ruled.rule_count = 1
    union all
    select
        {%- for column in columns %}
            ruled.{{ column }},
        {%- endfor %}
        row_number() over (
            partition by ruled.person_number, ruled.cycle, ruled.handoff, ruled.clock
            order by ruled.rule_number nulls last
        ) as preference
    from ruled
    where ruled.rule_count > 1

),

handed as (

    select
        {%- for column in columns %}
            ranked.{{ column }},
        {%- endfor %}
        -- Not answered, or nobody wrote it down? Nobody can say where no answer is captured at all.
        case
            when
                ranked.end_evidence like '%first_response_at%'
                and coalesce(captured_of_people.has_responses, captured.has_responses) = 1
                then null
            when
                ranked.end_evidence like '%activity%'
                and coalesce(captured_of_people.has_activities, captured.has_activities) = 1
                then null
            when
                ranked.end_evidence like '%first_response_at%'
                and ranked.end_evidence like '%activity%'
                then 'person.first_response_at|activity.person_id'
            when ranked.end_evidence like '%first_response_at%' then 'person.first_response_at'
            when ranked.end_evidence like '%activity%' then 'activity.person_id'
        end as missing_evidence,
        person_days.last_captured_date,
        following.started_at as next_cycle_at,
        least(
            greatest(person_days.read_at, ranked.started_at),
            coalesce(following.started_at, {{ end_of_time() }})
        ) as followed_until
    from ranked
    inner join person_days on ranked.source = person_days.source
    left join captured on ranked.source = captured.source
    left join captured_of_people on ranked.person_number = captured_of_people.person_number
    left join starts as following
        on
            ranked.person_number = following.person_number
            and ranked.cycle + 1 = following.cycle
            and following.step = 'mql'
    where ranked.preference = 1 and ranked.limit_hours is not null

)

select * from handed
