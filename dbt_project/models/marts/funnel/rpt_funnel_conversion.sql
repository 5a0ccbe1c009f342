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

entered as (

    select * from risk_sets
    where day = -1

),

-- What is known of a cohort in the end, and at the days at which it is looked: shares only grow,
-- and what is open only shrinks.
ends as (

    select
        known.cohort_key,
        {%- for count in ['converted', 'recycled', 'still_open'] %}
            cast(max(known.{{ count }}_so_far) as integer) as {{ count }},
        {%- endfor %}
        {%- for look in looks %}
            {%- set by_then = 'case when known.day <= ' ~ look ~ ' then known.' %}
            max({{ by_then }}converted_share end) as converted_share_{{ look }}d,
            min({{ by_then }}open_share end) as open_share_{{ look }}d,
            bool_and({{ by_then }}is_known end) as is_known_{{ look }}d,
            max(
                case
                    when known.day < {{ look }}
                        then
                            known.converted_so_far
                            + known.recycled_so_far
                            + known.still_open_so_far
                end
            ) as left_{{ look }}d,
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
        entered.cohort_key,
        entered.cohort_month,
        entered.step,
        entered.unit,
        entered.segment,
        entered.dimension,
        entered.dimension_value,
        {%- for count in counts %}
            {{ 'ends' if count in ['converted', 'recycled', 'still_open'] else 'entered' }}
            {{- '.' ~ count }},
        {%- endfor %}
        cast(entered.won_amount as decimal(18, 2)) as won_amount,
        {{ month_number('entered.cohort_month') }} as month_number,
        coalesce(ends.open_share < policy.mature_open_share - 1e-9, false) as is_mature,
        {%- for look in looks %}
            case
                when
                    entered.entered > 0
                    and ends.is_known_{{ look }}d
                    and (entered.entered > ends.left_{{ look }}d or ends.open_share_{{ look }}d = 0)
                    then ends.converted_share_{{ look }}d
            end as rate_{{ look }}d,
        {%- endfor %}
        medians.median_days,
        entered.entered < policy.small_sample as is_small_sample,
        policy.volume_up_factor,
        captured.first_captured_date
    from entered
    inner join ends on entered.cohort_key = ends.cohort_key
    left join medians on entered.cohort_key = medians.cohort_key
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
