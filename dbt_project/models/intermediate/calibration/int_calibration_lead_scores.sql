-- One row per person x score that is to foretell what becomes of a lead: the lead score when the
-- person was first known as qualified by marketing, and whether the outcome came later.
with

steps as (

    select * from {{ ref('int_lifecycle_steps') }}

),

people as (

    select * from {{ ref('int_people') }}

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

capture_days as (

    select * from {{ ref('int_person_capture_days') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

outcomes as (

    select
        steps.person_number,
        min(case when steps.step = 'opportunity' then steps.step_date end) as opportunity_date,
        min(case when steps.step = 'won' then steps.step_date end) as won_date
    from steps
    group by steps.person_number

),

-- A record that was first seen with a qualification from before the previous captured day may have
-- had another score then.
seen as (

    select
        steps.person_number,
        steps.source,
        steps.segment,
        steps.lead_score_at_step,
        greatest(steps.known_from, steps.step_date) as landmark_date
    from steps
    inner join people on steps.record_number = people.record_number
    left join capture_days
        on
            people.source = capture_days.source
            and people.first_captured_date = capture_days.snapshot_date
    where
        steps.step = 'mql'
        and steps.cycle = 1
        and (
            steps.known_from > people.first_captured_date
            or steps.step_date >= coalesce(capture_days.previous_captured_date, steps.known_from)
        )

),

qualified as (

    select
        seen.person_number,
        seen.segment,
        dates.fiscal_quarter,
        seen.landmark_date,
        seen.lead_score_at_step as lead_score,
        cast(floor(seen.lead_score_at_step / policy.lead_score_band) as bigint)
        * policy.lead_score_band as band_from,
        policy.lead_score_band,
        {{ dbt.datediff('seen.landmark_date', 'person_days.last_captured_date', 'day') }}
        > policy.lead_score_days as is_old_enough,
        outcomes.opportunity_date,
        outcomes.won_date
    from seen
    inner join person_days on seen.source = person_days.source
    inner join dates on seen.landmark_date = dates.date_day
    inner join policy
        on seen.landmark_date >= policy.valid_from and seen.landmark_date < policy.valid_to
    inner join outcomes on seen.person_number = outcomes.person_number

),

-- Who had the outcome by then is not judged, and who is young is not decided.
lead_scores as (

    {%- for score, outcome in {
        'lead_score': 'opportunity_date', 'lead_score_won': 'won_date'
    }.items() %}
        select
            qualified.person_number,
            '{{ score }}' as score,
            coalesce(
                cast(qualified.band_from as {{ dbt.type_string() }}) || '-'
                || cast(
                    qualified.band_from + qualified.lead_score_band - 1
                    as {{ dbt.type_string() }}
                ),
                '(none)'
            ) as band,
            cast(qualified.lead_score as decimal(38, 6)) as rank_value,
            qualified.segment,
            qualified.fiscal_quarter,
            case
                when not qualified.is_old_enough then 'undecided'
                when qualified.{{ outcome }} is not null then 'positive'
                else 'negative'
            end as verdict
        from qualified
        where coalesce(qualified.{{ outcome }} > qualified.landmark_date, true)
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

)

select * from lead_scores
