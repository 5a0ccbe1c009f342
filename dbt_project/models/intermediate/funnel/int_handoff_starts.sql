-- One row per person x hand-off x cycle x clock: since when who has to answer, within how many
-- hours, and until when that is followed.
with

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

people as (

    select * from {{ ref('dim_person') }}

),

lifecycle as (

    select * from {{ ref('fct_lifecycle_steps') }}
    where step_precision <> 'left_truncated'

),

rules as (

    select * from {{ ref('stg_sla_rules') }}

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

-- What was captured knows what had happened when it was read.
read as (

    select
        person_days.source,
        person_days.last_captured_date as snapshot_date,
        least(
            person_days.captured_at,
            {{ utc_instant(dbt.dateadd('day', 1, 'person_days.last_captured_date')) }}
        ) as read_at
    from person_days

),

starts as (

    select
        lifecycle.*,
        coalesce(lifecycle.step_at, {{ utc_instant('lifecycle.step_date') }}) as started_at
    from lifecycle

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
captured_of_people as (

    select
        people.person_key,
        max(captured.has_responses) as has_responses,
        max(captured.has_activities) as has_activities
    from people
    inner join captured on people.source = captured.source
    where people.record_count > 1
    group by people.person_key

),

-- Of the rules in force on the day, one for the segment wins over one for all.
ranked as (

    select
        starts.person_key,
        starts.cycle,
        starts.source,
        starts.person_id,
        starts.account_id,
        starts.owner_id,
        starts.segment,
        starts.channel,
        starts.lead_score_at_step,
        starts.known_from,
        starts.started_at,
        starts.step_date as started_date,
        rules.handoff,
        rules.clock,
        rules.start_step,
        rules.end_evidence,
        rules.limit_hours,
        rules.responsible,
        row_number() over (
            partition by starts.person_key, starts.cycle, rules.handoff, rules.clock
            order by
                case when rules.segment = '*' then 1 else 0 end nulls last,
                rules.valid_from desc
        ) as preference
    from starts
    inner join rules
        on
            starts.step = rules.start_step
            and starts.step_date >= rules.valid_from
            and (rules.segment = '*' or starts.segment = rules.segment)

),

handed as (

    select
        ranked.*,
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
        read.read_at,
        read.snapshot_date as last_captured_date,
        following.started_at as next_cycle_at,
        least(
            greatest(read.read_at, ranked.started_at),
            coalesce(following.started_at, {{ end_of_time() }})
        ) as followed_until
    from ranked
    inner join read on ranked.source = read.source
    left join captured on ranked.source = captured.source
    left join captured_of_people on ranked.person_key = captured_of_people.person_key
    left join starts as following
        on
            ranked.person_key = following.person_key
            and ranked.cycle + 1 = following.cycle
            and following.step = 'mql'
    where ranked.preference = 1 and ranked.limit_hours is not null

)

select * from handed
