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

outcomes as (

    select
        versions.source,
        versions.opportunity_id,
        versions.stage_category
    from versions
    where versions.is_current

),

-- The first days of months on which a version stands, from the first to the last.
open_versions as (

    select
        versions.source,
        versions.opportunity_id,
        versions.segment,
        versions.pipeline,
        versions.stage,
        versions.forecast_category,
        versions.stage_probability,
        cast({{ dbt.date_trunc(
            'month', dbt.dateadd('day', -1, dbt.dateadd('month', 1, 'versions.valid_from'))
        ) }} as date) as first_month_date,
        cast({{ dbt.date_trunc(
            'month',
            'least(' ~ dbt.dateadd('day', -1, 'versions.valid_to')
            ~ ', sources.last_captured_date)'
        ) }} as date) as last_month_date
    from versions
    inner join sources on versions.source = sources.source
    where versions.is_open

),

-- Versions alike are counted before each month looks at them: few of millions.
stretches as (

    select
        open_versions.segment,
        open_versions.pipeline,
        open_versions.stage,
        open_versions.forecast_category,
        open_versions.stage_probability,
        open_versions.first_month_date,
        open_versions.last_month_date,
        count(*) as judged,
        count(*) filter (where outcomes.stage_category = 'won') as positives,
        count(*) filter (where outcomes.stage_category = 'lost') as negatives,
        count(*) filter (where outcomes.stage_category is null) as gone
    from open_versions
    left join outcomes
        on
            open_versions.source = outcomes.source
            and open_versions.opportunity_id = outcomes.opportunity_id
    where open_versions.first_month_date <= open_versions.last_month_date
    group by
        open_versions.segment,
        open_versions.pipeline,
        open_versions.stage,
        open_versions.forecast_category,
        open_versions.stage_probability,
        open_versions.first_month_date,
        open_versions.last_month_date

),

banded as (

    select
        stretches.*,
        stretches.pipeline || ' / ' || stretches.stage as stage_band,
        coalesce(
            {{ forecast_category_key('stretches.forecast_category') }},
            stretches.forecast_category,
            '(none)'
        ) as category_band
    from stretches

),

counted as (

    select
        banded.stage_band,
        banded.stage_probability,
        banded.category_band,
        case banded.category_band
            when 'commit' then policy.commit_win_rate
            when 'best_case' then policy.best_case_win_rate
            when 'pipeline' then policy.pipeline_win_rate
            when 'omitted' then policy.omitted_win_rate
        end as category_win_rate,
        banded.segment,
        dates.fiscal_quarter,
        banded.positives,
        banded.negatives,
        banded.gone,
        banded.judged - banded.positives - banded.negatives - banded.gone as undecided
    from banded
    inner join dates on dates.date_day between banded.first_month_date and banded.last_month_date
    inner join policy on dates.date_day >= policy.valid_from and dates.date_day < policy.valid_to

),

-- A score ranks by its value; those of stages and categories also say how many are won.
scored as (

    select
        'stage_probability' as score,
        counted.stage_band as band,
        cast(counted.stage_probability as decimal(38, 6)) as rank_value,
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
        cast(counted.category_win_rate as decimal(38, 6)) as rank_value,
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
