-- One row per person x hand-off x cycle x clock: whether who had to answer did so within the limit.
with

starts as (

    select * from {{ ref('int_handoff_starts') }}

),

answers as (

    select * from {{ ref('int_handoff_answers') }}

),

people as (

    select * from {{ ref('int_people') }}

),

days as (

    select * from {{ ref('int_business_days') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}

),

users as (

    select * from {{ ref('stg_user') }}
    where not is_tombstone

),

opportunities as (

    select * from {{ ref('int_lifecycle_steps') }}
    where step = 'opportunity'

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

answered as (

    select
        starts.*,
        answers.evidence,
        answers.end_precision,
        answers.earliest_at,
        answers.ended_at,
        answers.known_from as evidence_known_from,
        coalesce(answers.ended_at, starts.followed_until) as measured_until,
        coalesce(answers.earliest_at, starts.followed_until) as measured_from
    from starts
    left join answers
        on
            starts.person_number = answers.person_number
            and starts.cycle = answers.cycle
            and starts.wait_number = answers.wait_number

),

-- Both clocks count seconds: since the start, or of business hours since then. A start of which
-- only the day is known may come as late as its end.
counted as (

    select
        answered.*,
        first_days.weekday,
        {{ business_date('answered.measured_until') }} as measured_date,
        cast(answered.limit_hours * 3600 as bigint) as limit_seconds,
        case
            when answered.clock = 'clock' then 0
            else {{ open_seconds('answered.started_at', 'first_days') }}
        end as seconds_at_start,
        case
            when answered.latest_start_at = answered.started_at then 0
            when answered.clock = 'clock'
                then
                    {{ dbt.datediff('answered.started_at', 'answered.latest_start_at', 'second') }}
            else first_days.open_seconds
        end as seconds_of_start,
        case
            when answered.clock = 'clock'
                then {{ dbt.datediff('answered.started_at', 'answered.measured_from', 'second') }}
            else {{ open_seconds('answered.measured_from', 'early_days') }}
        end as seconds_at_earliest,
        case
            when answered.clock = 'clock'
                then {{ dbt.datediff('answered.started_at', 'answered.measured_until', 'second') }}
            else {{ open_seconds('answered.measured_until', 'last_days') }}
        end as seconds_at_end
    from answered
    left join days as first_days on answered.started_date = first_days.date_day
    left join days as early_days
        on {{ business_date('answered.measured_from') }} = early_days.date_day
    left join days as last_days
        on {{ business_date('answered.measured_until') }} = last_days.date_day

),

limited as (

    select
        counted.*,
        counted.seconds_at_start + counted.limit_seconds as seconds_at_limit,
        counted.seconds_at_end - counted.seconds_at_start as elapsed_seconds,
        counted.seconds_at_earliest - counted.seconds_at_start - counted.seconds_of_start
            as least_seconds
    from counted

),

-- A day by the blocks of working seconds in which it begins and ends: a limit is looked for in
-- its own block only. No day is longer than a block.
blocks as (

    select
        days.*,
        cast(floor(days.seconds_before / 100000.0) as bigint) as block
    from days
    where days.open_seconds > 0
    union
    select
        days.*,
        cast(floor((days.seconds_before + days.open_seconds - 1) / 100000.0) as bigint) as block
    from days
    where days.open_seconds > 0

),

due as (

    select
        limited.*,
        case
            when limited.clock = 'clock'
                then {{ dbt.dateadd('second', 'limited.limit_seconds', 'limited.started_at') }}
            else {{ dbt.dateadd(
                'second', 'limited.seconds_at_limit - blocks.seconds_before', 'blocks.opens_at'
            ) }}
        end as due_at
    from limited
    left join blocks
        on
            limited.clock = 'business'
            and cast(floor((limited.seconds_at_limit - 1) / 100000.0) as bigint) = blocks.block
            and limited.seconds_at_limit > blocks.seconds_before
            and limited.seconds_at_limit <= blocks.seconds_before + blocks.open_seconds

),

rerouted as (

    select
        due.person_number,
        due.cycle,
        due.rule_number,
        count(*) as reroute_count
    from due
    inner join versions
        on
            due.record_number = versions.record_number
            and due.owner_date < versions.valid_from
            and due.measured_date >= versions.valid_from
            and coalesce(due.owner_id, '') <> coalesce(versions.owner_id, '')
    group by due.person_number, due.cycle, due.rule_number

),

told as (

    select
        due.*,
        {{ business_date('due.due_at') }} as due_date,
        case
            when due.missing_evidence is not null or due.elapsed_seconds is null
                then 'not_evaluated'
            when due.least_seconds > due.limit_seconds then 'breached'
            when due.elapsed_seconds > due.limit_seconds then 'not_evaluated'
            when due.ended_at is not null then 'met'
            when due.followed_until = due.next_cycle_at then 'not_evaluated'
            else 'pending'
        end as status
    from due

),

handoffs as (

    select
        -- ids
        people.person_key,
        due.handoff,
        due.cycle,
        due.clock,
        due.source,
        people.person_id,
        due.account_id,
        due.owner_id,

        -- attributes
        due.responsible,
        due.segment,
        coalesce(users.team, '(none)') as owner_team,
        due.channel,
        due.weekday,
        due.status,
        coalesce(
            due.missing_evidence,
            due.evidence,
            case when due.followed_until = due.next_cycle_at then 'next_cycle' end
        ) as evidence,
        due.end_precision,

        -- numerics
        due.limit_hours,
        cast(due.elapsed_seconds as double) / 3600 as elapsed_hours,
        due.lead_score_at_step as lead_score,

        -- flags
        due.owner_id is null as is_unowned,
        due.missing_evidence is null and due.elapsed_seconds is not null as is_measured,
        coalesce(rerouted.reroute_count, 0) > 0 as is_rerouted,
        coalesce(
            due.ended_at is not null
            and due.evidence_known_from > {{ dbt.dateadd('day', 1, 'due.measured_date') }}
            and due.measured_date >= due.known_from,
            false
        ) as is_entered_late,
        -- The day of the limit says who was late; what was there by then says nothing about it.
        case
            when due.status not in ('met', 'breached') then null
            when opportunities.step_date <= due.due_date then null
            when opportunities.step_precision = 'left_truncated' then null
            when
                {{ dbt.datediff('due.due_date', 'due.last_captured_date', 'day') }}
                >= policy.handoff_outcome_days
                then
                    coalesce(
                        opportunities.cycle = due.cycle
                        and {{ dbt.datediff('due.due_date', 'opportunities.step_date', 'day') }}
                        <= policy.handoff_outcome_days,
                        false
                    )
        end as led_to_opportunity,

        -- timestamps and dates
        due.started_at,
        due.due_at,
        due.ended_at,
        due.started_date,
        due.known_from,
        due.evidence_known_from
    from told as due
    cross join policy
    inner join people on due.record_number = people.record_number
    left join opportunities on due.person_number = opportunities.person_number
    left join rerouted
        on
            due.person_number = rerouted.person_number
            and due.cycle = rerouted.cycle
            and due.rule_number = rerouted.rule_number
    left join users
        on
            due.source = users.source
            and due.owner_id = users.user_id
            and due.owner_date >= users.valid_from
            and due.owner_date < users.valid_to

)

select * from handoffs
