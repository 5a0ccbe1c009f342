-- One row per score x band x segment x fiscal_quarter of the landmark, `(all)` included: how many
-- of those who had the score had the outcome, and how many it said there would be.
{%- set counts = ['n', 'positives', 'negatives', 'gone', 'undecided', 'unscored'] %}
{%- set names = [
    'customer_health', 'forecast_category', 'lead_score', 'lead_score_won', 'stage_probability'
] %}
{%- set sums = ['expected_sum', 'squared_error_sum'] %}
with

scores as (

    select * from {{ ref('int_calibration_scores') }}

),

ranks as (

    select * from {{ ref('int_calibration_ranks') }}

),

definitions as (

    select * from {{ ref('int_stage_definitions') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

last_day as (

    select
        max(sources.last_captured_date) as last_date,
        cast({{ dbt.dateadd('day', 1, 'max(sources.last_captured_date)') }} as date) as next_date
    from sources

),

-- Decided without a score is counted apart.
weighed as (

    select
        scores.score,
        scores.band,
        scores.segment,
        scores.fiscal_quarter,
        case when scores.rank_value is null then 0 else 1 end
        * (scores.positives + scores.negatives) as n,
        case when scores.rank_value is null then 0 else scores.positives end as positives,
        case when scores.rank_value is null then 0 else scores.negatives end as negatives,
        scores.gone,
        scores.undecided,
        case when scores.rank_value is null then 1 else 0 end
        * (scores.positives + scores.negatives) as unscored,
        cast(scores.expected_rate as decimal(38, 6))
        * (scores.positives + scores.negatives) as expected_sum,
        cast((1 - scores.expected_rate) * (1 - scores.expected_rate) as decimal(38, 12))
        * scores.positives
        + cast(scores.expected_rate * scores.expected_rate as decimal(38, 12))
        * scores.negatives as squared_error_sum
    from scores

),

-- A score of which nothing was judged has a row too.
named as (

    {%- for score in names %}
        select
            '{{ score }}' as score,
            '(all)' as band,
            '(all)' as segment,
            '(all)' as fiscal_quarter
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

totals as (

    {{ with_all(
        'weighed',
        all_of=['band', 'segment', 'fiscal_quarter'],
        others=['score'],
        sums=counts + sums,
    ) }}

),

filled as (

    select
        {%- for count in counts %}
            cast(coalesce(totals.{{ count }}, 0) as integer) as {{ count }},
        {%- endfor %}
        totals.expected_sum,
        totals.squared_error_sum,
        coalesce(totals.score, named.score) as score,
        coalesce(totals.band, named.band) as band,
        coalesce(totals.segment, named.segment) as segment,
        coalesce(totals.fiscal_quarter, named.fiscal_quarter) as fiscal_quarter
    from totals
    full outer join named
        on
            totals.score = named.score
            and totals.band = named.band
            and totals.segment = named.segment
            and totals.fiscal_quarter = named.fiscal_quarter

),

rated as (

    select
        filled.*,
        policy.small_sample,
        policy.mature_open_share,
        cast(filled.expected_sum as double) / nullif(filled.n, 0) as expected_rate,
        cast(filled.positives as double) / nullif(filled.n, 0) as observed_rate,
        {{ wilson_bound('filled.positives', 'filled.n', '-') }} as rate_low,
        {{ wilson_bound('filled.positives', 'filled.n', '+') }} as rate_high,
        cast(filled.squared_error_sum as double) / nullif(filled.n, 0) as brier,
        cast(filled.positives as double) / nullif(filled.n, 0)
        * filled.negatives / nullif(filled.n, 0) as base_brier,
        ranks.auc,
        ranks.auc_low,
        ranks.auc_high
    from filled
    cross join policy
    left join ranks
        on
            filled.band = '(all)'
            and filled.score = ranks.score
            and filled.segment = ranks.segment
            and filled.fiscal_quarter = ranks.fiscal_quarter

),

judged as (

    select
        rated.*,
        case
            when rated.band = '(all)' and rated.auc_low is null then 'not_evaluated'
            when rated.auc_low <= 0.5 + 1e-9 and rated.auc_high >= 0.5 - 1e-9 then 'no_power'
            -- upside down, whatever it promises on average
            when rated.auc_high < 0.5 then 'off'
            -- without a promise only its order can be judged
            when rated.expected_rate is null and rated.auc_low > 0.5 then 'calibrated'
            when rated.expected_rate is null then 'not_evaluated'
            when rated.expected_rate between rated.rate_low - 1e-9 and rated.rate_high + 1e-9
                then 'calibrated'
            else 'off'
        end as status
    from rated

),

suggested as (

    select
        judged.*,
        case
            when
                judged.band <> '(all)'
                and judged.status = 'off'
                and judged.n >= judged.small_sample
                then cast({{ rounded_share('judged.positives', '1', 'judged.n') }} as double)
        end as suggested_value
    from judged

),

-- What to write into stage_definitions.csv, a line for each label of the stage.
lines as (

    select
        suggested.band,
        {{ csv_value('definitions.source') }}
        || ',' || {{ csv_value('definitions.pipeline') }}
        || ',' || {{ csv_value('definitions.source_stage') }}
        || ',' || {{ csv_value('definitions.stage') }}
        || ',' || coalesce(cast(definitions.stage_order as {{ dbt.type_string() }}), '')
        || ',' || definitions.stage_category
        || ',' || cast(cast(suggested.suggested_value as decimal(3, 2)) as {{ dbt.type_string() }})
        || ',' || {{ csv_value('definitions.forecast_category') }}
        || ',' || {{ csv_value('definitions.exit_criteria') }}
        || ',' || cast(last_day.next_date as {{ dbt.type_string() }})
        || ',' || {{ csv_value('definitions.owner') }}
        || ',' || {{ csv_value('definitions.definition') }} as line
    from suggested
    cross join last_day
    inner join definitions
        on
            suggested.band = definitions.pipeline || ' / ' || definitions.stage
            and definitions.stage_category = 'open'
            and last_day.last_date >= definitions.valid_from
            and last_day.last_date < definitions.valid_to
    where
        suggested.score = 'stage_probability'
        and suggested.segment = '(all)'
        and suggested.fiscal_quarter = '(all)'
        and suggested.suggested_value is not null

),

suggested_lines as (

    select
        lines.band,
        {{ listed('lines.line', 'chr(10)') }} as suggested_lines
    from lines
    group by 1

),

calibration as (

    select
        -- ids
        suggested.score,
        suggested.band,
        suggested.segment,
        suggested.fiscal_quarter,

        -- attributes
        '(all)' in (suggested.band, suggested.segment, suggested.fiscal_quarter) as is_total,
        case suggested.score
            when 'customer_health' then 'churn'
            when 'lead_score' then 'opportunity'
            else 'won'
        end as outcome,
        suggested.status,
        case
            when suggested.n > 0 or suggested.unscored = 0 then null
            when suggested.score = 'stage_probability' then 'probability'
            when suggested.score = 'lead_score_won' then 'lead_score'
            else suggested.score
        end as evidence,
        suggested.n < suggested.small_sample as is_small_sample,
        suggested.undecided < suggested.mature_open_share * (
            suggested.n + suggested.unscored + suggested.gone + suggested.undecided
        ) as is_mature,

        -- counts
        {%- for count in counts %}
            suggested.{{ count }},
        {%- endfor %}

        -- rates
        suggested.expected_rate,
        suggested.observed_rate,
        suggested.rate_low,
        suggested.rate_high,
        suggested.brier,
        suggested.base_brier,
        suggested.auc,
        suggested.auc_low,
        suggested.auc_high,
        suggested.suggested_value,
        suggested_lines.suggested_lines
    from suggested
    left join suggested_lines
        on
            suggested.score = 'stage_probability'
            and suggested.segment = '(all)'
            and suggested.fiscal_quarter = '(all)'
            and suggested.band = suggested_lines.band

)

select * from calibration
