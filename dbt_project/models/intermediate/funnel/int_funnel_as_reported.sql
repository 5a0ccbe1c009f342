-- One row per unit (`person`, `account`) x entrant x step of the lifecycle x cycle x cohort_month
-- that the month's own report had and today's data have not (1), or the other way round (-1).
{%- set step_columns = [
    'person_key', 'source', 'account_id', 'step', 'cycle', 'segment', 'lead_source', 'channel',
    'campaign_id', 'step_precision', 'step_date',
] %}
with

people as (

    select * from {{ ref('int_people_as_reported') }}

),

entries as (

    select * from {{ ref('int_lifecycle_entries') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

records as (

    select * from {{ ref('int_people') }}

),

touches as (

    select * from {{ ref('int_person_touches') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

steps_today as (

    select * from {{ ref('fct_lifecycle_steps') }}
    where step <> 'won'

),

entrants as (

    select * from {{ ref('int_funnel_entries') }}
    where outcome <> 'undated'

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

as_of_dates as (

    select
        cast({{ dbt.date_trunc('month', 'snapshot_days.snapshot_date') }} as date) as cohort_month,
        max(snapshot_days.snapshot_date) as as_of_date
    from snapshot_days
    group by cast({{ dbt.date_trunc('month', 'snapshot_days.snapshot_date') }} as date)

),

-- Touches are numbered in the order in which they happened.
first_touch_numbers as (

    select
        people.as_of_date,
        people.person_key,
        min(touches.touch_number) as touch_number
    from people
    inner join records on people.source = records.source and people.person_id = records.person_id
    inner join touches
        on
            records.record_number = touches.record_number
            and people.as_of_date >= touches.known_from
    group by people.as_of_date, people.person_key

),

first_touches as (

    select
        first_touch_numbers.as_of_date,
        first_touch_numbers.person_key,
        kinds.campaign_id,
        touches.touch_date,
        case
            when first_touch_numbers.as_of_date >= kinds.first_captured_date then kinds.channel
        end as channel
    from first_touch_numbers
    inner join touches on first_touch_numbers.touch_number = touches.touch_number
    inner join kinds on touches.kind_number = kinds.kind_number

),

{{ steps_of_people(of=['as_of_date', 'person_key']) }},

steps_then as (

    select taken_steps.*
    from taken_steps
    where taken_steps.step <> 'won'

),

late as (

    select distinct
        people.as_of_date,
        people.later_person_key as person_key
    from people

),

-- Accounts of which a step was not known in time, or was one of another person's.
accounts as (

    select
        steps_today.source,
        steps_today.account_id,
        min(steps_today.known_from) as known_from
    from steps_today
    where steps_today.account_id is not null
    group by steps_today.source, steps_today.account_id

),

late_accounts as (

    select
        steps_then.as_of_date,
        steps_then.source,
        steps_then.account_id
    from steps_then
    where steps_then.account_id is not null
    union
    select
        late.as_of_date,
        steps_today.source,
        steps_today.account_id
    from steps_today
    inner join late on steps_today.person_key = late.person_key
    where steps_today.account_id is not null
    union
    select
        as_of_dates.as_of_date,
        steps_today.source,
        steps_today.account_id
    from steps_today
    inner join accounts
        on
            steps_today.source = accounts.source
            and steps_today.account_id = accounts.account_id
    inner join as_of_dates
        on
            steps_today.known_from > as_of_dates.as_of_date
            and steps_today.step_date <= as_of_dates.as_of_date
            and accounts.known_from <= as_of_dates.as_of_date
    where
        {{ month_number('steps_today.step_date') }} < {{ month_number('steps_today.known_from') }}

),

-- What was known on that day of all steps of such an account.
account_steps as (

    select
        {%- for column in step_columns %}
            steps_then.{{ column }},
        {%- endfor %}
        steps_then.as_of_date
    from steps_then
    where steps_then.account_id is not null
    union all
    select
        {%- for column in step_columns %}
            steps_today.{{ column }},
        {%- endfor %}
        late_accounts.as_of_date
    from late_accounts
    inner join steps_today
        on
            late_accounts.source = steps_today.source
            and late_accounts.account_id = steps_today.account_id
            and late_accounts.as_of_date >= steps_today.known_from
            and late_accounts.as_of_date >= steps_today.step_date
    left join late
        on
            late_accounts.as_of_date = late.as_of_date
            and steps_today.person_key = late.person_key
    where late.person_key is null

),

account_entries as (

    select
        account_steps.*,
        row_number() over (
            partition by
                account_steps.as_of_date,
                account_steps.source,
                account_steps.account_id,
                account_steps.step
            order by
                account_steps.step_date nulls last,
                account_steps.person_key nulls last,
                account_steps.cycle nulls last
        ) as entry_number
    from account_steps

),

entered_then as (

    select
        {%- for column in step_columns %}
            steps_then.{{ column }},
        {%- endfor %}
        steps_then.as_of_date,
        'person' as unit,
        steps_then.person_key as entrant_key
    from steps_then
    union all
    select
        {%- for column in step_columns %}
            account_entries.{{ column }},
        {%- endfor %}
        account_entries.as_of_date,
        'account' as unit,
        account_entries.source || '/' || account_entries.account_id as entrant_key
    from account_entries
    where account_entries.entry_number = 1

),

late_entrants as (

    select
        late.as_of_date,
        'person' as unit,
        late.person_key as entrant_key
    from late
    union all
    select
        late_accounts.as_of_date,
        'account' as unit,
        late_accounts.source || '/' || late_accounts.account_id as entrant_key
    from late_accounts

),

-- Nobody enters on a day after the report's.
as_reported as (

    select
        entered_then.unit,
        entered_then.entrant_key,
        entered_then.step,
        entered_then.cycle,
        as_of_dates.cohort_month,
        entered_then.segment,
        entered_then.lead_source,
        entered_then.channel,
        coalesce(entered_then.campaign_id, '(none)') as campaign,
        1 as reported_entered
    from entered_then
    inner join as_of_dates
        on
            entered_then.as_of_date = as_of_dates.as_of_date
            and entered_then.step_date >= as_of_dates.cohort_month
    where entered_then.step_precision <> 'left_truncated'
    union all
    select
        entrants.unit,
        entrants.entrant_key,
        entrants.step,
        entrants.cycle,
        entrants.cohort_month,
        entrants.segment,
        entrants.lead_source,
        entrants.channel,
        entrants.campaign,
        -1 as reported_entered
    from entrants
    left join as_of_dates on entrants.cohort_month = as_of_dates.cohort_month
    left join late_entrants
        on
            as_of_dates.as_of_date = late_entrants.as_of_date
            and entrants.unit = late_entrants.unit
            and entrants.entrant_key = late_entrants.entrant_key
    where
        entrants.known_from <= {{ dbt.last_day('entrants.cohort_month', 'month') }}
        and (
            late_entrants.entrant_key is not null
            or coalesce(entrants.step_date > as_of_dates.as_of_date, true)
        )

)

select * from as_reported
