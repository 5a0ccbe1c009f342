-- One row per open opportunity x landmark (the first day of a month): by which rules it is stalled,
-- since when, whether that ends in time, and what becomes of the opportunity.
{{ config(materialized='view') }}
with

facts as (

    select * from {{ ref('int_stall_facts') }}
    where is_landmark

),

last_versions as (

    select * from {{ ref('int_opportunity_history') }}
    where valid_to = last_valid_to

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

-- What became of each opportunity by its source's last captured day.
outcomes as (

    select
        last_versions.opportunity_key,
        case
            when last_versions.valid_to < {{ end_of_time() }} then 'gone'
            else last_versions.stage_category
        end as outcome
    from last_versions

),

limited as (

    select
        facts.*,
        cast({{ dbt.dateadd(
            'day', 'policy.stall_recovery_days', 'facts.judged_date'
        ) }} as date) as recovery_date
    from facts
    inner join policy
        on facts.judged_date >= policy.valid_from and facts.judged_date < policy.valid_to

),

verdicts as (

    select
        limited.opportunity_key,
        limited.judged_date,
        fiscal_days.fiscal_quarter,
        limited.segment,
        limited.pipeline,
        limited.stage,
        coalesce(limited.amount, 0) as amount,
        cast(floor({{ dbt.datediff(
            'least(limited.created_date, limited.first_seen_date)', 'limited.judged_date', 'day'
        ) }} / 7) as integer) as age_weeks,
        outcomes.outcome = 'won' as is_won,
        outcomes.outcome in ('won', 'lost', 'gone') as is_decided,
        limited.recovery_date <= limited.last_captured_date as is_recovery_known,

        -- by which rules; NULL where a rule is not in force or has no evidence
        case when limited.has_age_in_stage then limited.age_in_stage_is_stalled end as age_in_stage,
        case when limited.has_no_change then limited.no_change_is_stalled end as no_change,
        case when limited.has_close_date_pushed then limited.close_date_pushed_is_stalled end
            as close_date_pushed,
        case when limited.has_past_due then limited.past_due_is_stalled end as past_due,
        case when limited.has_no_activity then limited.no_activity_is_stalled end as no_activity,
        case when limited.has_missing_next_step then limited.missing_next_step_is_stalled end
            as missing_next_step,
        case when limited.has_few_contacts then limited.few_contacts_is_stalled end as few_contacts,

        -- for how many days already
        cast(limited.days_in_stage - floor(
            limited.age_in_stage_threshold * limited.doubled_median_days / 2
        ) as integer) as age_in_stage_days,
        cast(limited.days_unchanged - cast(floor(limited.no_change_threshold) as bigint) as integer)
            as no_change_days,
        cast({{ dbt.datediff(
            'limited.last_pushed_date', 'limited.judged_date', 'day'
        ) }} as integer) as close_date_pushed_days,
        cast(limited.days_past_due - cast(floor(limited.past_due_threshold) as bigint) as integer)
            as past_due_days,
        cast(
            limited.days_inactive - cast(floor(limited.no_activity_threshold) as bigint) as integer
        ) as no_activity_days,
        cast({{ dbt.datediff(
            'limited.blank_from', 'limited.judged_date', 'day'
        ) }} as integer) as missing_next_step_days,
        cast({{ dbt.datediff(
            'limited.few_from', 'limited.judged_date', 'day'
        ) }} as integer) as few_contacts_days,

        -- whether it ends by recovery_date, while the opportunity is open or by winning it
        coalesce(limited.next_stay_date <= limited.recovery_date, false) as age_in_stage_recovered,
        coalesce(limited.next_changed_date <= limited.recovery_date, false) as no_change_recovered,
        coalesce(limited.next_won_date <= limited.recovery_date, false)
            as close_date_pushed_recovered,
        coalesce(limited.next_dated_date <= limited.recovery_date, false)
        or coalesce(limited.next_won_date <= limited.recovery_date, false) as past_due_recovered,
        coalesce(
            limited.next_activity_date <= limited.recovery_date
            and limited.next_activity_date
            <= coalesce(limited.next_lost_date, limited.recovery_date),
            false
        )
        or coalesce(limited.next_won_date <= limited.recovery_date, false) as no_activity_recovered,
        coalesce(limited.next_filled_date <= limited.recovery_date, false)
        or coalesce(limited.next_won_date <= limited.recovery_date, false)
            as missing_next_step_recovered,
        coalesce(
            limited.next_enough_date <= limited.recovery_date
            and limited.next_enough_date <= coalesce(limited.next_lost_date, limited.recovery_date),
            false
        )
        or coalesce(limited.next_won_date <= limited.recovery_date, false) as few_contacts_recovered
    from limited
    inner join outcomes on limited.opportunity_key = outcomes.opportunity_key
    inner join fiscal_days on limited.judged_date = fiscal_days.date_day

)

select * from verdicts
