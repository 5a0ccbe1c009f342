-- One row per cohort_month x step x unit x segment x dimension x dimension_value, `(all)` included:
-- what became of those who entered the step in the month, and whether more of them were worse.
{%- set counts = [
    'entered', 'converted', 'recycled', 'still_open', 'undated',
    'reached_opportunity', 'reached_won', 'reported_entered',
] %}
{%- set looks = [7, 30, 90, 180] %}
with

risk_sets as (

    select * from {{ ref('int_funnel_risk_sets') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

{{ aalen_johansen(events=['converted', 'recycled'], others=['still_open']) }},

-- Shares of which nobody was lost from sight are counted, however few are left.
known as (

    select
        shares.*,
        not shares.is_unknown or shares.still_open_so_far = 0 as is_known
    from shares

),

captured as (

    select min(person_days.first_captured_date) as first_captured_date
    from person_days

),

totals as (

    select
        risk_sets.cohort_key,
        risk_sets.cohort_month,
        risk_sets.step,
        risk_sets.unit,
        risk_sets.segment,
        risk_sets.dimension,
        risk_sets.dimension_value,
        {%- for count in counts %}
            cast(sum(risk_sets.{{ count }}) as integer) as {{ count }},
        {%- endfor %}
        cast(sum(risk_sets.won_amount) as decimal(18, 2)) as won_amount
    from risk_sets
    group by
        risk_sets.cohort_key,
        risk_sets.cohort_month,
        risk_sets.step,
        risk_sets.unit,
        risk_sets.segment,
        risk_sets.dimension,
        risk_sets.dimension_value

),

-- What is known of a cohort in the end, and at the days at which it is looked.
ends as (

    select
        known.cohort_key,
        {%- for look in looks %}
            max(
                case
                    when
                        known.day = {{ look }}
                        and known.is_known
                        and (known.at_risk > 0 or known.open_share = 0)
                        then known.converted_share
                end
            ) as rate_{{ look }}d,
        {%- endfor %}
        max(case when known.is_known then known.converted_share end) as converted_share,
        min(case when known.is_known then known.open_share end) as open_share
    from known
    group by known.cohort_key

),

medians as (

    select
        known.cohort_key,
        min(known.day) as median_days
    from known
    inner join ends on known.cohort_key = ends.cohort_key
    where
        known.is_known
        and ends.converted_share > 0
        and known.converted_share >= ends.converted_share / 2 - 1e-9
    group by known.cohort_key

),

compared as (

    select
        totals.*,
        {{ month_number('totals.cohort_month') }} as month_number,
        coalesce(ends.open_share < policy.mature_open_share - 1e-9, false) as is_mature,
        {%- for look in looks %}
            case when totals.entered > 0 then ends.rate_{{ look }}d end as rate_{{ look }}d,
        {%- endfor %}
        medians.median_days,
        totals.entered < policy.small_sample as is_small_sample,
        policy.volume_up_factor,
        captured.first_captured_date
    from totals
    inner join ends on totals.cohort_key = ends.cohort_key
    left join medians on totals.cohort_key = medians.cohort_key
    cross join policy
    cross join captured

),

earlier as (

    select
        compared.*,
        min(case when compared.entered + compared.undated > 0 then compared.month_number end)
            over () as first_month_number,
        coalesce(sum(compared.entered) over months, 0) as earlier_entered,
        coalesce(sum(compared.converted) over months, 0) as earlier_converted
    from compared
    window months as (
        partition by
            compared.step,
            compared.unit,
            compared.segment,
            compared.dimension,
            compared.dimension_value
        order by compared.month_number nulls last
        range between 3 preceding and 1 preceding
    )

),

-- What nobody came from before is judged by the mean of all.
judged as (

    select
        earlier.*,
        case
            when earlier.earlier_entered > 0
                then cast(earlier.earlier_converted as double) / earlier.earlier_entered
            else cast(wholes.earlier_converted as double) / nullif(wholes.earlier_entered, 0)
        end as earlier_conversion_rate,
        {{ wilson_bound('earlier.converted', 'earlier.entered', '+') }} as rate_high
    from earlier
    left join earlier as wholes
        on
            earlier.cohort_month = wholes.cohort_month
            and earlier.step = wholes.step
            and earlier.unit = wholes.unit
            and earlier.segment = wholes.segment
            and wholes.dimension = '(all)'

),

conversion as (

    select
        -- ids
        judged.cohort_month,
        judged.step,
        judged.unit,
        judged.segment,
        judged.dimension,
        judged.dimension_value,

        -- attributes
        judged.segment = '(all)' or judged.dimension = '(all)' as is_total,
        judged.is_small_sample,
        judged.is_mature,

        -- counts and amounts
        {%- for count in counts if count != 'reported_entered' %}
            judged.{{ count }},
        {%- endfor %}
        case
            when
                {{ dbt.last_day('judged.cohort_month', 'month') }} >= judged.first_captured_date
                then judged.reported_entered
        end as reported_entered,
        judged.won_amount,

        -- rates and days
        cast(judged.converted as double) / nullif(judged.entered, 0) as conversion_rate,
        {{ wilson_bound('judged.converted', 'judged.entered', '-') }} as rate_low,
        judged.rate_high,
        {%- for look in looks %}
            judged.rate_{{ look }}d,
        {%- endfor %}
        judged.median_days,

        -- quality beside volume
        case
            when judged.step = 'mql'
                then cast(judged.reached_opportunity as double) / nullif(judged.entered, 0)
        end as mql_to_opportunity_rate,
        cast(judged.reached_won as double) / nullif(judged.reached_opportunity, 0)
            as opportunity_to_won_rate,
        case
            when judged.step = 'lead'
                then {{ rounded_share('judged.won_amount', '1', 'judged.entered') }}
        end as won_amount_per_lead,
        judged.earlier_conversion_rate,
        case
            when judged.is_mature and judged.month_number >= judged.first_month_number + 3
                then
                    judged.entered > judged.volume_up_factor * judged.earlier_entered / 3
                    and not judged.is_small_sample
                    and judged.rate_high < judged.earlier_conversion_rate
        end as volume_up_quality_down
    from judged

)

select * from conversion
