-- One row per cohort_month x step x unit x segment x dimension x dimension_value, `(all)` included:
-- what became of those who entered the step in the month, and whether more of them were worse.
{%- set counts = [
    'entered', 'converted', 'recycled', 'still_open', 'undated',
    'reached_opportunity', 'reached_won', 'reported_entered',
] %}
{%- set looks = {'7d': 7, '30d': 30, '90d': 90, '180d': 180} %}
with

totals as (

    select * from {{ ref('int_funnel_risk_sets') }}
    where day = -1

),

risk_sets as (

    select * from {{ ref('int_funnel_risk_sets') }}
    where day > -1

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

person_days as (

    select * from {{ ref('int_person_days') }}

),

{{ cohort_shares(
    events=['converted', 'recycled'], lost='still_open', entered='entered', looks=looks
) }},

captured as (

    select min(person_days.first_captured_date) as first_captured_date
    from person_days

),

medians as (

    select
        shares.cohort_key,
        min(shares.day) as median_days
    from shares
    inner join ends on shares.cohort_key = ends.cohort_key
    where ends.share > 0 and shares.share >= ends.share / 2 - 1e-9
    group by shares.cohort_key

),

-- A number for each step, unit and segment: that of its first place.
lines as (

    select
        totals.step,
        totals.unit,
        totals.segment,
        min(totals.place_number) as line_number
    from totals
    group by totals.step, totals.unit, totals.segment

),

counted as (

    select
        totals.cohort_key,
        totals.place_number,
        totals.value_number,
        lines.line_number,
        {{ month_number('totals.cohort_month') }} as month_number,
        totals.entered,
        totals.undated,
        coalesce(ends.converted, 0) as converted
    from totals
    inner join lines
        on
            totals.step = lines.step
            and totals.unit = lines.unit
            and totals.segment = lines.segment
    left join ends on totals.cohort_key = ends.cohort_key

),

first_month as (

    select min(counted.month_number) as month_number
    from counted
    where counted.entered + counted.undated > 0

),

earlier as (

    select
        counted.*,
        coalesce(sum(counted.entered) over months, 0) as earlier_entered,
        coalesce(sum(counted.converted) over months, 0) as earlier_converted
    from counted
    window months as (
        partition by counted.line_number, counted.value_number
        order by counted.month_number nulls last
        range between 3 preceding and 1 preceding
    )

),

-- What nobody came from before is judged by the mean of all, which has the number 1.
judged as (

    select
        {{ columns_of('totals', [
            'cohort_month', 'step', 'unit', 'segment', 'dimension', 'dimension_value',
            'entered', 'undated', 'reached_opportunity', 'reached_won', 'reported_entered',
        ]) }},
        cast(totals.won_amount as decimal(18, 2)) as won_amount,
        earlier.converted,
        coalesce(ends.recycled, 0) as recycled,
        coalesce(ends.still_open, 0) as still_open,
        {%- for look in looks %}
            ends.rate_{{ look }},
        {%- endfor %}
        medians.median_days,
        coalesce(ends.open_share < policy.mature_open_share - 1e-9, false) as is_mature,
        totals.entered < policy.small_sample as is_small_sample,
        policy.volume_up_factor,
        captured.first_captured_date,
        earlier.month_number - first_month.month_number as month_count,
        earlier.earlier_entered,
        case
            when earlier.earlier_entered > 0
                then cast(earlier.earlier_converted as double) / earlier.earlier_entered
            else cast(wholes.earlier_converted as double) / nullif(wholes.earlier_entered, 0)
        end as earlier_conversion_rate,
        {{ wilson_bound('earlier.converted', 'earlier.entered', '+') }} as rate_high
    from totals
    inner join earlier on totals.cohort_key = earlier.cohort_key
    left join earlier as wholes
        on earlier.place_number = wholes.place_number and wholes.value_number = 1
    left join ends on totals.cohort_key = ends.cohort_key
    left join medians on totals.cohort_key = medians.cohort_key
    cross join policy
    cross join captured
    cross join first_month

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
            judged.rate_{{ look }},
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
            when judged.is_mature and judged.month_count >= 3
                then
                    judged.entered > judged.volume_up_factor * judged.earlier_entered / 3
                    and not judged.is_small_sample
                    and judged.rate_high < judged.earlier_conversion_rate
        end as volume_up_quality_down
    from judged

)

select * from conversion
