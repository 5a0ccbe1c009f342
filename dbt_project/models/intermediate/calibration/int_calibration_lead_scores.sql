-- One row per person x score that is to foretell what becomes of a lead: the lead score when the
-- person was first known as qualified by marketing, and whether the outcome came later.
with

steps as (

    select * from {{ ref('fct_lifecycle_steps') }}

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

sources as (

    select
        person_days.source,
        person_days.first_captured_date as first_date,
        person_days.last_captured_date as last_date
    from person_days

),

outcomes as (

    select
        steps.person_key,
        min(case when steps.step = 'opportunity' then steps.step_date end) as opportunity_date,
        min(case when steps.step = 'won' then steps.step_date end) as won_date
    from steps
    group by steps.person_key

),

-- Who was qualified before anybody looked may have had another score then.
qualified as (

    select
        steps.person_key,
        steps.segment,
        dates.fiscal_quarter,
        steps.known_from as landmark_date,
        steps.lead_score_at_step as lead_score,
        cast(floor(steps.lead_score_at_step / policy.lead_score_band) as integer)
        * policy.lead_score_band as band_from,
        policy.lead_score_band,
        {{ dbt.datediff('steps.known_from', 'sources.last_date', 'day') }}
        > policy.lead_score_days as is_old_enough,
        outcomes.opportunity_date,
        outcomes.won_date
    from steps
    inner join sources on steps.source = sources.source
    inner join dates on steps.known_from = dates.date_day
    inner join policy
        on steps.known_from >= policy.valid_from and steps.known_from < policy.valid_to
    inner join outcomes on steps.person_key = outcomes.person_key
    where
        steps.step = 'mql'
        and steps.cycle = 1
        and (steps.known_from > sources.first_date or steps.step_date = steps.known_from)

),

-- Who had the outcome by then is not judged, and who is young is not decided.
lead_scores as (

    {%- for score, outcome in {
        'lead_score': 'opportunity_date', 'lead_score_won': 'won_date'
    }.items() %}
        select
            qualified.person_key,
            '{{ score }}' as score,
            coalesce(
                cast(qualified.band_from as {{ dbt.type_string() }}) || '-'
                || cast(
                    qualified.band_from + qualified.lead_score_band - 1
                    as {{ dbt.type_string() }}
                ),
                '(none)'
            ) as band,
            cast(qualified.lead_score as decimal(18, 6)) as rank_value,
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
