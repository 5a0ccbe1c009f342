-- One row per open opportunity x judged day: what each stall rule observes on it, in days or times,
-- and what it compares that with. NULL is missing evidence.
{{ config(materialized='view') }}
with

cases as (

    select * from {{ ref('int_stall_cases') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

visits as (

    select * from {{ ref('int_visits') }}

),

won_medians as (

    select * from {{ ref('int_stall_won_medians') }}

),

thresholds as (

    select * from {{ ref('int_stall_thresholds') }}

),

evidence as (

    select * from {{ ref('int_stall_evidence') }}

),

activities as (

    select * from {{ ref('int_stall_last_activities') }}

),

contacts as (

    select * from {{ ref('int_stall_contacts') }}

),

facts as (

    select
        cases.opportunity_key,
        cases.source,
        cases.stage_key,
        cases.stage_interval_key,
        cases.segment,
        cases.judged_date,
        cases.last_captured_date,
        cases.is_landmark,
        cases.is_last_day,
        cases.amount,
        cases.has_next_step,
        cast(cases.push_count as integer) as push_count,
        cases.close_date,
        cases.created_date,
        cases.first_seen_date,
        cases.stay_from,
        cases.last_changed_date,
        cases.last_pushed_date,
        case
            when cases.blank_from is not null
                then greatest(cases.blank_from, evidence.next_step_from)
        end as blank_from,
        cases.next_changed_date,
        cases.next_filled_date,
        cases.next_dated_date,
        cases.next_stay_date,
        cases.next_won_date,
        cases.next_lost_date,
        stages.pipeline,
        stages.stage,
        visits.entered_date,
        visits.entry_precision = 'left_truncated' as is_left_truncated,
        coalesce(segment_days.doubled_median_days, all_days.doubled_median_days)
            as doubled_median_days,
        evidence.close_date_from,
        evidence.next_step_from,
        evidence.activity_from,
        activities.last_activity_date,
        activities.next_activity_date,
        evidence.contact_from,
        coalesce(contacts.contact_count, 0) as contact_count,
        contacts.next_enough_date,
        greatest(contacts.few_from, cases.first_seen_date, evidence.contact_from) as few_from,
        thresholds.has_age_in_stage,
        thresholds.has_no_change,
        thresholds.has_close_date_pushed,
        thresholds.has_past_due,
        thresholds.has_no_activity,
        thresholds.has_missing_next_step,
        thresholds.has_few_contacts,
        thresholds.age_in_stage_threshold,
        thresholds.no_change_threshold,
        thresholds.close_date_pushed_threshold,
        thresholds.past_due_threshold,
        thresholds.no_activity_threshold,
        thresholds.few_contacts_threshold,
        -- integers are compared with thresholds in 64 bits
        cast({{ dbt.datediff(
            'visits.entered_date', 'cases.judged_date', 'day'
        ) }} as integer) as days_in_stage,
        cast({{ dbt.datediff(
            'coalesce(cases.last_changed_date, cases.first_seen_date)',
            'cases.judged_date',
            'day'
        ) }} as integer) as days_unchanged,
        cast({{ dbt.datediff('cases.close_date', 'cases.judged_date', 'day') }} as integer)
            as days_past_due,
        cast({{ dbt.datediff(
            'coalesce(activities.last_activity_date, cases.created_date)',
            'cases.judged_date',
            'day'
        ) }} as integer) as days_inactive
    from cases
    inner join stages on cases.stage_interval_key = stages.stage_interval_key
    inner join visits
        on
            cases.opportunity_key = visits.opportunity_key
            and cases.stay_from = visits.valid_from
    inner join evidence on cases.source = evidence.source
    left join thresholds
        on
            cases.judged_date = thresholds.judged_date
            and cases.segment = thresholds.segment
            and stages.stage = thresholds.stage
    left join won_medians as segment_days
        on
            cases.judged_date = segment_days.judged_date
            and cases.stage_key = segment_days.stage_key
            and cases.segment = segment_days.segment
    left join won_medians as all_days
        on
            cases.judged_date = all_days.judged_date
            and cases.stage_key = all_days.stage_key
            and all_days.segment = '(all)'
    left join activities
        on
            cases.opportunity_key = activities.opportunity_key
            and cases.judged_date >= activities.known_from
            and cases.judged_date < activities.known_to
    left join contacts
        on
            cases.opportunity_key = contacts.opportunity_key
            and thresholds.few_contacts_threshold = contacts.threshold
            and cases.judged_date >= contacts.known_from
            and cases.judged_date < contacts.known_to

),

judged as (

    select
        facts.*,

        -- a lower bound over the threshold is enough; one below it says nothing
        case
            when facts.age_in_stage_threshold * facts.doubled_median_days < 2 * facts.days_in_stage
                then true
            when facts.doubled_median_days is not null and not facts.is_left_truncated then false
        end as age_in_stage_is_stalled,
        case
            when facts.days_unchanged > facts.no_change_threshold then true
            when facts.last_changed_date is not null then false
        end as no_change_is_stalled,
        case
            when facts.close_date_from <= facts.judged_date
                then facts.push_count >= facts.close_date_pushed_threshold
        end as close_date_pushed_is_stalled,
        facts.days_past_due > facts.past_due_threshold as past_due_is_stalled,
        case
            when facts.activity_from <= facts.judged_date
                then facts.days_inactive > facts.no_activity_threshold
        end as no_activity_is_stalled,
        case
            when facts.next_step_from <= facts.judged_date then not facts.has_next_step
        end as missing_next_step_is_stalled,
        case
            when facts.contact_from <= facts.judged_date
                then facts.contact_count < facts.few_contacts_threshold
        end as few_contacts_is_stalled
    from facts

)

select * from judged
