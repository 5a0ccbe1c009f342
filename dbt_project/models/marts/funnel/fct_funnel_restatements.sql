-- One row per cohort_month x unit (`person`, `account`) x entrant x step of the lifecycle x cycle x
-- reported_entered: who was counted otherwise when the month ended than today's data say of that
-- time, as it was then (1) and as it is today (-1).
{%- set step_columns = [
    'account_number', 'step', 'cycle', 'segment', 'lead_source', 'channel', 'campaign_id',
    'step_precision', 'step_at', 'step_date',
] %}
{%- set cell = [
    'cohort_month', 'unit', 'entrant_key', 'step', 'cycle',
    'segment', 'lead_source', 'channel', 'campaign',
] %}
{%- set entry_columns = ['as_of_date', 'account_number', 'step', 'step_date'] %}
with

people_then as (

    select * from {{ ref('int_people_as_reported') }}

),

reported_steps as (

    select * from {{ ref('int_lifecycle_steps_as_reported') }}

),

records as (

    select * from {{ ref('int_people') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}
    where account_number is not null

),

lifecycle as (

    select * from {{ ref('int_lifecycle_steps') }}
    where step <> 'won'

),

entrants as (

    select * from {{ ref('int_funnel_entries') }}
    where outcome <> 'undated'

),

as_of_dates as (

    select * from {{ ref('int_as_of_dates') }}
    where cohort_month is not null

),

late as (

    select distinct
        people_then.as_of_date,
        people_then.later_person_number as person_number
    from people_then
    inner join as_of_dates on people_then.as_of_date = as_of_dates.as_of_date

),

account_days as (

    select
        lifecycle.account_number,
        min(lifecycle.known_from) as known_from
    from lifecycle
    where lifecycle.account_number is not null
    group by lifecycle.account_number

),

-- Those of accounts: a person without one cannot be an account's first.
steps_today as (

    select
        {%- for column in step_columns %}
            lifecycle.{{ column }},
        {%- endfor %}
        lifecycle.person_number,
        lifecycle.record_number,
        lifecycle.known_from,
        account_days.known_from as account_known_from
    from lifecycle
    inner join account_days on lifecycle.account_number = account_days.account_number

),

-- Accounts of which a step was not known in time, or was one of another person's.
late_accounts as (

    select
        reported_steps.as_of_date,
        reported_steps.account_number
    from reported_steps
    where reported_steps.account_number is not null
    union
    select
        late.as_of_date,
        steps_today.account_number
    from steps_today
    inner join late on steps_today.person_number = late.person_number
    union
    select
        as_of_dates.as_of_date,
        steps_today.account_number
    from steps_today
    inner join as_of_dates
        on
            steps_today.known_from > as_of_dates.as_of_date
            and steps_today.step_date <= as_of_dates.as_of_date
            and steps_today.account_known_from <= as_of_dates.as_of_date
    where
        {{ month_number('steps_today.step_date') }} < {{ month_number('steps_today.known_from') }}

),

-- What was known on that day of the steps of such an account: all of them, by numbers.
account_dates as (

    select
        reported_steps.as_of_date,
        reported_steps.account_number,
        reported_steps.step,
        reported_steps.step_date
    from reported_steps
    where reported_steps.account_number is not null
    union all
    select
        late_accounts.as_of_date,
        steps_today.account_number,
        steps_today.step,
        steps_today.step_date
    from late_accounts
    inner join steps_today
        on
            late_accounts.account_number = steps_today.account_number
            and late_accounts.as_of_date >= steps_today.known_from
            and late_accounts.as_of_date >= steps_today.step_date
    left join late
        on
            late_accounts.as_of_date = late.as_of_date
            and steps_today.person_number = late.person_number
    where late.person_number is null

),

entry_dates as (

    select
        account_dates.as_of_date,
        account_dates.account_number,
        account_dates.step,
        min(account_dates.step_date) as step_date
    from account_dates
    group by account_dates.as_of_date, account_dates.account_number, account_dates.step

),

-- Only an account that entered in the month is told of.
account_entries as (

    select entry_dates.*
    from entry_dates
    inner join as_of_dates
        on
            entry_dates.as_of_date = as_of_dates.as_of_date
            and entry_dates.step_date >= as_of_dates.cohort_month

),

account_steps as (

    select
        {%- for column in step_columns %}
            reported_steps.{{ column }},
        {%- endfor %}
        reported_steps.person_key,
        reported_steps.as_of_date
    from reported_steps
    inner join account_entries
        on {{ equal_columns('reported_steps', 'account_entries', entry_columns) }}
    union all
    select
        {%- for column in step_columns %}
            steps_today.{{ column }},
        {%- endfor %}
        records.person_key,
        account_entries.as_of_date
    from account_entries
    inner join steps_today
        on
            {{ equal_columns('account_entries', 'steps_today', entry_columns[1:]) }}
            and account_entries.as_of_date >= steps_today.known_from
    inner join records on steps_today.record_number = records.record_number
    left join late
        on
            account_entries.as_of_date = late.as_of_date
            and steps_today.person_number = late.person_number
    where late.person_number is null

),

account_moves as (

    select
        account_steps.*,
        row_number() over (
            partition by
                account_steps.as_of_date,
                account_steps.account_number,
                account_steps.step
            order by
                account_steps.step_at nulls last,
                account_steps.person_key nulls last,
                account_steps.cycle nulls last
        ) as entry_number
    from account_steps

),

accounts as (

    select
        versions.account_number,
        min(versions.source || '/' || versions.account_id) as account_key
    from versions
    group by versions.account_number

),

persons as (

    select
        records.person_number,
        min(records.person_key) as person_key
    from records
    group by records.person_number

),

entered_then as (

    select
        {%- for column in step_columns %}
            reported_steps.{{ column }},
        {%- endfor %}
        reported_steps.as_of_date,
        'person' as unit,
        reported_steps.person_key as entrant_key
    from reported_steps
    union all
    select
        {%- for column in step_columns %}
            account_moves.{{ column }},
        {%- endfor %}
        account_moves.as_of_date,
        'account' as unit,
        accounts.account_key as entrant_key
    from account_moves
    inner join accounts on account_moves.account_number = accounts.account_number
    where account_moves.entry_number = 1

),

late_entrants as (

    select
        late.as_of_date,
        'person' as unit,
        late.person_number as entrant_number
    from late
    union all
    select
        late_accounts.as_of_date,
        'account' as unit,
        late_accounts.account_number as entrant_number
    from late_accounts

),

-- Nobody enters on a day after the report's.
counted as (

    select
        as_of_dates.cohort_month,
        entered_then.unit,
        entered_then.entrant_key,
        entered_then.step,
        entered_then.cycle,
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
        entrants.cohort_month,
        entrants.unit,
        coalesce(persons.person_key, accounts.account_key) as entrant_key,
        entrants.step,
        entrants.cycle,
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
            and entrants.entrant_number = late_entrants.entrant_number
    left join persons
        on entrants.unit = 'person' and entrants.entrant_number = persons.person_number
    left join accounts
        on entrants.unit = 'account' and entrants.entrant_number = accounts.account_number
    where
        entrants.known_from <= {{ dbt.last_day('entrants.cohort_month', 'month') }}
        and (
            late_entrants.entrant_number is not null
            or coalesce(entrants.step_date > as_of_dates.as_of_date, true)
        )

),

-- What was counted then as it is today is no restatement.
restatements as (

    select
        -- ids
        {{ columns_of('counted', cell[:5]) }},

        -- attributes
        {{ columns_of('counted', cell[5:]) }},

        -- counts
        cast(sum(counted.reported_entered) as integer) as reported_entered
    from counted
    group by {{ columns_of('counted', cell) }}
    having sum(counted.reported_entered) <> 0

)

select * from restatements
