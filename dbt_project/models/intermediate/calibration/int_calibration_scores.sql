-- One row per score x band x rank_value x expected_rate x segment x fiscal_quarter of the landmark:
-- how many were judged by the score then, and what became of them.
with

versions as (

    select * from {{ ref('fct_opportunity_history') }}

),

dates as (

    select * from {{ ref('dim_date') }}
    where date_day = month_start_date

),

sources as (

    select * from {{ ref('int_sources') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}

),

lead_scores as (

    select * from {{ ref('int_calibration_lead_scores') }}

),

health_scores as (

    select * from {{ ref('int_calibration_health_scores') }}

),

open_versions as (

    select
        versions.source,
        versions.opportunity_id,
        versions.segment,
        versions.pipeline || ' / ' || versions.stage as stage_band,
        coalesce(
            {{ forecast_category_key('versions.forecast_category') }},
            versions.forecast_category,
            '(none)'
        ) as category_band,
        versions.stage_probability,
        versions.valid_from,
        least(
            cast({{ dbt.dateadd('day', -1, 'versions.valid_to') }} as date),
            sources.last_captured_date
        ) as last_date
    from versions
    inner join sources on versions.source = sources.source
    where versions.is_open

),

outcomes as (

    select
        versions.source,
        versions.opportunity_id,
        versions.stage_category
    from versions
    where versions.is_current

),

-- Few versions stand on the first day of a month, and comparing dates costs more than looking.
judged as (

    select
        open_versions.*,
        dates.fiscal_quarter,
        case open_versions.category_band
            when 'commit' then policy.commit_win_rate
            when 'best_case' then policy.best_case_win_rate
            when 'pipeline' then policy.pipeline_win_rate
            when 'omitted' then policy.omitted_win_rate
        end as category_win_rate,
        coalesce(outcomes.stage_category, 'gone') as outcome
    from open_versions
    inner join dates
        on open_versions.valid_from <= dates.date_day and open_versions.last_date >= dates.date_day
    inner join policy on dates.date_day >= policy.valid_from and dates.date_day < policy.valid_to
    left join outcomes
        on
            open_versions.source = outcomes.source
            and open_versions.opportunity_id = outcomes.opportunity_id
    where
        open_versions.valid_from
        <= cast({{ dbt.date_trunc('month', 'open_versions.last_date') }} as date)

),

-- Few of millions: counted before each score looks at them.
counted as (

    select
        judged.stage_band,
        judged.stage_probability,
        judged.category_band,
        judged.category_win_rate,
        judged.segment,
        judged.fiscal_quarter,
        count(*) filter (where judged.outcome = 'won') as positives,
        count(*) filter (where judged.outcome = 'lost') as negatives,
        count(*) filter (where judged.outcome = 'gone') as gone,
        count(*) filter (where judged.outcome not in ('won', 'lost', 'gone')) as undecided
    from judged
    group by
        judged.stage_band,
        judged.stage_probability,
        judged.category_band,
        judged.category_win_rate,
        judged.segment,
        judged.fiscal_quarter

),

-- A score ranks by its value; those of stages and categories also say how many are won.
scored as (

    select
        'stage_probability' as score,
        counted.stage_band as band,
        cast(counted.stage_probability as decimal(18, 6)) as rank_value,
        counted.stage_probability as expected_rate,
        counted.segment,
        counted.fiscal_quarter,
        counted.positives,
        counted.negatives,
        counted.gone,
        counted.undecided
    from counted
    union all
    select
        'forecast_category' as score,
        counted.category_band as band,
        cast(counted.category_win_rate as decimal(18, 6)) as rank_value,
        counted.category_win_rate as expected_rate,
        counted.segment,
        counted.fiscal_quarter,
        counted.positives,
        counted.negatives,
        counted.gone,
        counted.undecided
    from counted
    {%- for score, relation in {
        'lead_scores.score': 'lead_scores', "'customer_health' as score": 'health_scores'
    }.items() %}
        union all
        select
            {{ score }},
            {{ relation }}.band,
            {{ relation }}.rank_value,
            null as expected_rate,
            {{ relation }}.segment,
            {{ relation }}.fiscal_quarter,
            case when {{ relation }}.verdict = 'positive' then 1 else 0 end as positives,
            case when {{ relation }}.verdict = 'negative' then 1 else 0 end as negatives,
            0 as gone,
            case when {{ relation }}.verdict = 'undecided' then 1 else 0 end as undecided
        from {{ relation }}
    {%- endfor %}

),

scores as (

    select
        scored.score,
        scored.band,
        scored.rank_value,
        scored.expected_rate,
        scored.segment,
        scored.fiscal_quarter,
        cast(sum(scored.positives) as bigint) as positives,
        cast(sum(scored.negatives) as bigint) as negatives,
        cast(sum(scored.gone) as bigint) as gone,
        cast(sum(scored.undecided) as bigint) as undecided
    from scored
    group by
        scored.score,
        scored.band,
        scored.rank_value,
        scored.expected_rate,
        scored.segment,
        scored.fiscal_quarter

)

select * from scores
