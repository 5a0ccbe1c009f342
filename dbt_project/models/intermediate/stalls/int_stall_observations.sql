-- One row per open opportunity x rule in force, at its source's last captured day: what was seen,
-- with what it is compared, and the evidence in words.
with

facts as (

    select * from {{ ref('int_stall_facts') }}
    where is_last_day

),

observations as (

    select
        facts.opportunity_key,
        'age_in_stage' as rule,
        facts.age_in_stage_is_stalled as is_stalled,
        case when facts.doubled_median_days is not null then facts.days_in_stage end
            as observed_value,
        facts.age_in_stage_threshold * facts.doubled_median_days / 2 as threshold,
        case
            when facts.doubled_median_days is null
                then 'No visit to the stage by a won opportunity to compare with'
            else 'In the stage since ' || cast(facts.entered_date as {{ dbt.type_string() }})
                || case when facts.is_left_truncated then ' or earlier' else '' end
        end as evidence
    from facts
    where facts.has_age_in_stage
    union all
    select
        facts.opportunity_key,
        'no_change' as rule,
        facts.no_change_is_stalled as is_stalled,
        facts.days_unchanged as observed_value,
        facts.no_change_threshold as threshold,
        case
            when facts.last_changed_date is null
                then 'No change since first seen on '
                    || cast(facts.first_seen_date as {{ dbt.type_string() }})
            else 'Last changed on ' || cast(facts.last_changed_date as {{ dbt.type_string() }})
        end as evidence
    from facts
    where facts.has_no_change
    union all
    select
        facts.opportunity_key,
        'close_date_pushed' as rule,
        facts.close_date_pushed_is_stalled as is_stalled,
        case when facts.close_date_pushed_is_stalled is not null then facts.push_count end
            as observed_value,
        facts.close_date_pushed_threshold as threshold,
        case
            when facts.close_date_pushed_is_stalled is null then 'Close dates were never captured'
            when facts.last_pushed_date is null then 'Never pushed'
            else 'Last pushed on ' || cast(facts.last_pushed_date as {{ dbt.type_string() }})
        end as evidence
    from facts
    where facts.has_close_date_pushed
    union all
    select
        facts.opportunity_key,
        'past_due' as rule,
        facts.past_due_is_stalled as is_stalled,
        facts.days_past_due as observed_value,
        facts.past_due_threshold as threshold,
        coalesce(
            'Due on ' || cast(facts.close_date as {{ dbt.type_string() }}), 'No close date'
        ) as evidence
    from facts
    where facts.has_past_due
    union all
    select
        facts.opportunity_key,
        'no_activity' as rule,
        facts.no_activity_is_stalled as is_stalled,
        case when facts.no_activity_is_stalled is not null then facts.days_inactive end
            as observed_value,
        facts.no_activity_threshold as threshold,
        case
            when coalesce(facts.activity_from > facts.judged_date, true)
                then 'Activities were never captured'
            when facts.last_activity_date is not null
                then 'Last activity on '
                    || cast(facts.last_activity_date as {{ dbt.type_string() }})
            when facts.created_date is not null
                then 'No activity since it was created on '
                    || cast(facts.created_date as {{ dbt.type_string() }})
            else 'No activity, and its creation is unknown'
        end as evidence
    from facts
    where facts.has_no_activity
    union all
    select
        facts.opportunity_key,
        'missing_next_step' as rule,
        facts.missing_next_step_is_stalled as is_stalled,
        case facts.missing_next_step_is_stalled when true then 1 when false then 0 end
            as observed_value,
        null as threshold,
        case
            when facts.missing_next_step_is_stalled is null then 'Next steps were never captured'
            when facts.has_next_step then 'Has a next step'
            else 'Without a next step since '
                || cast(facts.blank_from as {{ dbt.type_string() }})
        end as evidence
    from facts
    where facts.has_missing_next_step
    union all
    select
        facts.opportunity_key,
        'few_contacts' as rule,
        facts.few_contacts_is_stalled as is_stalled,
        case when facts.few_contacts_is_stalled is not null then facts.contact_count end
            as observed_value,
        facts.few_contacts_threshold as threshold,
        case
            when facts.few_contacts_is_stalled is null
                then 'Contact roles were never captured: opportunity_contact_role.person_id'
            when facts.contact_count = 0 then 'Nobody has a role on it'
            when facts.contact_count = 1 then 'One person has a role on it'
            else cast(facts.contact_count as {{ dbt.type_string() }})
                || ' people have a role on it'
        end as evidence
    from facts
    where facts.has_few_contacts

)

select * from observations
