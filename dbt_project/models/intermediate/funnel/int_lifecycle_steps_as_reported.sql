-- One row per as_of_date (the last captured day of a month) x person of whom other things were
-- known then than are today x step of the lifecycle x cycle: the steps as that month's report had
-- them. Persons are left out whose steps cannot tell there.
with

people_then as (

    select * from {{ ref('int_people_as_reported') }}

),

entries as (

    select * from {{ ref('int_lifecycle_entries') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

touches as (

    select * from {{ ref('int_first_touches') }}

),

kinds as (

    select * from {{ ref('int_touch_kinds') }}

),

as_of_dates as (

    select * from {{ ref('int_as_of_dates') }}
    where cohort_month is not null

),

late_records as (

    select
        people_then.*,
        as_of_dates.cohort_month
    from people_then
    inner join as_of_dates on people_then.as_of_date = as_of_dates.as_of_date

),

account_holders as (

    select distinct versions.record_number
    from versions
    where versions.account_number is not null

),

-- Who took no step in the month, and belongs to no account, took none in the month's report. (What
-- was converted may be dated later than it was entered.)
telling_records as (

    select
        late_records.as_of_date,
        late_records.person_key,
        late_records.record_number
    from late_records
    inner join entries
        on
            late_records.record_number = entries.record_number
            and late_records.as_of_date >= entries.known_from
    where entries.step_date >= late_records.cohort_month or entries.evidence = 'converted'
    union all
    select
        late_records.as_of_date,
        late_records.person_key,
        late_records.record_number
    from late_records
    inner join account_holders on late_records.record_number = account_holders.record_number

),

-- The person of that day has the number of one of its records.
telling as (

    select
        telling_records.as_of_date,
        telling_records.person_key,
        min(telling_records.record_number) as earlier_number
    from telling_records
    group by telling_records.as_of_date, telling_records.person_key

),

people as (

    select
        late_records.as_of_date,
        late_records.source,
        late_records.record_number,
        late_records.created_date,
        telling.earlier_number
    from late_records
    inner join telling
        on
            late_records.as_of_date = telling.as_of_date
            and late_records.person_key = telling.person_key

),

-- Of several at one time, that of the first id; kinds are in the order of their sources.
numbered_touches as (

    select
        people.as_of_date,
        people.earlier_number,
        touches.kind_number,
        touches.touch_date,
        row_number() over (
            partition by people.as_of_date, people.earlier_number
            order by
                touches.touched_at nulls last,
                touches.touch_id nulls last,
                touches.kind_number nulls last
        ) as place
    from people
    inner join touches
        on
            people.record_number = touches.record_number
            and people.as_of_date >= touches.known_from
            and people.as_of_date < touches.known_to

),

first_touches as (

    select
        numbered_touches.as_of_date,
        numbered_touches.earlier_number,
        kinds.campaign_id,
        numbered_touches.touch_date,
        case
            when numbered_touches.as_of_date >= kinds.first_captured_date then kinds.channel
        end as channel
    from numbered_touches
    inner join kinds on numbered_touches.kind_number = kinds.kind_number
    where numbered_touches.place = 1

),

{{ steps_of_people(of=['as_of_date', 'earlier_number']) }},

reported_steps as (

    select
        -- ids
        taken_steps.as_of_date,
        taken_steps.earlier_number,
        telling.person_key,
        taken_steps.step,
        taken_steps.cycle,
        taken_steps.account_number,

        -- attributes
        taken_steps.segment,
        taken_steps.lead_source,
        taken_steps.channel,
        taken_steps.campaign_id,
        taken_steps.step_precision,

        -- dates
        taken_steps.step_at,
        taken_steps.step_date
    from taken_steps
    inner join telling
        on
            taken_steps.as_of_date = telling.as_of_date
            and taken_steps.earlier_number = telling.earlier_number
    where taken_steps.step <> 'won'

)

select * from reported_steps
