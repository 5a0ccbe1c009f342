-- One row per open opportunity x rule in force, at its source's last captured day: stalled or not.
with

facts as (

    select * from {{ ref('int_stall_last_facts') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

owners as (

    select
        source,
        opportunity_id,
        owner_id
    from {{ ref('int_opportunity_versions') }}
    where existence = 'existing' and valid_to = {{ end_of_time() }}

),

observed as (

    {%- for rule, terms in {
        'age_in_stage': {
            'observed': 'facts.days_in_stage',
            'threshold': 'facts.age_in_stage_threshold * facts.doubled_median_days / 2',
            'missing': "'No visit to the stage by a won opportunity to compare with'",
            'is_missing': 'facts.doubled_median_days is null',
            'evidence': "'In the stage since ' || cast(facts.stay_from as " ~ dbt.type_string() ~ ")
                || case when facts.is_left_truncated then ' or earlier' else '' end",
        },
        'no_change': {
            'observed': 'facts.days_unchanged',
            'threshold': 'facts.no_change_threshold',
            'missing': "''",
            'is_missing': 'false',
            'evidence': "case when facts.last_changed_date is null then 'No change since first seen on '
                else 'Last changed on ' end || cast(coalesce(facts.last_changed_date,
                facts.first_seen_date) as " ~ dbt.type_string() ~ ")",
        },
        'close_date_pushed': {
            'observed': 'facts.push_count',
            'threshold': 'facts.close_date_pushed_threshold',
            'missing': "'Close dates were never captured'",
            'is_missing': 'coalesce(facts.close_date_from > facts.judged_date, true)',
            'evidence': "case when facts.last_pushed_date is null then 'Never pushed'
                else 'Last pushed on ' || cast(facts.last_pushed_date as " ~ dbt.type_string() ~ ") end",
        },
        'past_due': {
            'observed': 'facts.days_past_due',
            'threshold': 'facts.past_due_threshold',
            'missing': "'No close date'",
            'is_missing': 'facts.close_date is null',
            'evidence': "'Due on ' || cast(facts.close_date as " ~ dbt.type_string() ~ ")",
        },
        'no_activity': {
            'observed': 'facts.days_inactive',
            'threshold': 'facts.no_activity_threshold',
            'missing': "'Activities were never captured'",
            'is_missing': 'coalesce(facts.activity_from > facts.judged_date, true)',
            'evidence': "case when facts.last_activity_date is not null then 'Last activity on '
                || cast(facts.last_activity_date as " ~ dbt.type_string() ~ ")
                when facts.created_date is not null then 'No activity since it was created on '
                || cast(facts.created_date as " ~ dbt.type_string() ~ ")
                else 'No activity, and its creation is unknown' end",
        },
        'missing_next_step': {
            'observed': "case when facts.next_step_from <= facts.judged_date then
                case when facts.has_next_step then 0 else 1 end end",
            'threshold': 'cast(null as decimal(18, 4))',
            'missing': "'Next steps were never captured'",
            'is_missing': 'coalesce(facts.next_step_from > facts.judged_date, true)',
            'evidence': "case when facts.has_next_step then 'Has a next step'
                else 'Without a next step since ' || cast(facts.blank_from as " ~ dbt.type_string() ~ ") end",
        },
    }.items() %}
    select
        facts.opportunity_key,
        facts.stage,
        facts.pipeline,
        facts.segment,
        facts.amount,
        facts.judged_date,
        '{{ rule }}' as rule,
        case
            when facts.{{ rule }}_is_stalled then 'stalled'
            when not facts.{{ rule }}_is_stalled then 'ok'
            else 'not_evaluated'
        end as status,
        case when not {{ terms.is_missing }} then {{ terms.observed }} end as observed_value,
        {{ terms.threshold }} as threshold,
        case when {{ terms.is_missing }} then {{ terms.missing }} else {{ terms.evidence }} end
            as evidence
    from facts
    where facts.has_{{ rule }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select
    -- ids
    opportunities.source,
    opportunities.opportunity_id,
    observed.rule,
    owners.owner_id,

    -- attributes
    observed.status,
    observed.evidence,
    observed.pipeline,
    observed.stage,
    observed.segment,

    -- numerics
    cast(observed.observed_value as decimal(18, 4)) as observed_value,
    cast(observed.threshold as decimal(18, 4)) as threshold,
    observed.amount,

    -- dates
    observed.judged_date as snapshot_date
from observed
inner join opportunities on observed.opportunity_key = opportunities.opportunity_key
left join owners
    on
        opportunities.source = owners.source
        and opportunities.opportunity_id = owners.opportunity_id
