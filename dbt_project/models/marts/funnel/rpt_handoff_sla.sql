-- One row per month_start_date x handoff x clock x segment x dimension x dimension_value, `(all)`
-- included: how many hand-offs that began in the month were answered within the limit, and when.
{%- set dimensions = ['team', 'owner', 'weekday'] %}
{%- set place = ['month_start_date', 'handoff', 'clock'] %}
{%- set counts = ['handed', 'met', 'breached', 'pending', 'not_evaluated'] %}
{%- set ends = ['answered', 'unanswered'] %}
{%- set looks = {'1h': 60, '4h': 240, '24h': 1440, '48h': 2880} %}
with

handoffs as (

    select * from {{ ref('fct_handoffs') }}

),

outcomes as (

    select * from {{ ref('int_handoff_outcomes') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

-- Answers are followed to the minute, where anybody captured them.
timed as (

    select
        {{ handoff_cohort() }},
        case when handoffs.is_measured then 1 else 0 end as measured,
        1 as handed,
        {%- for status in counts[1:] %}
            case when handoffs.status = '{{ status }}' then 1 else 0 end as {{ status }},
        {%- endfor %}
        case
            when not handoffs.is_measured then 'not_measured'
            when handoffs.ended_at is null then 'unanswered'
            else 'answered'
        end as outcome,
        cast(ceil(handoffs.elapsed_hours * 60 - 1e-6) as integer) as day
    from handoffs

),

{{ cohort_numbers('timed', place, dimensions) }},

{{ cohort_counts(dimensions, outcomes=ends, sums=['measured'] + counts) }},

{{ cohort_shares(
    events=ends[:1], lost=ends[1], entered='measured', looks=looks,
    falls={'median_minutes': 0.5, 'p90_minutes': 0.1}
) }},

-- Bounds of two shares bound their difference (Newcombe 1998).
compared as (

    select
        outcomes.*,
        {%- for status in ['met', 'breached'] %}
            {%- set sure = 'outcomes.' ~ status ~ '_sure' %}
            {%- set part = 'outcomes.' ~ status ~ '_opportunity_rate * ' ~ sure %}
            {{ wilson_bound(part, sure, '-') }} as {{ status }}_low,
            {{ wilson_bound(part, sure, '+') }} as {{ status }}_high,
        {%- endfor %}
        outcomes.met_opportunity_rate - outcomes.breached_opportunity_rate as rate_gap
    from outcomes

),

report as (

    select
        -- ids
        places.month_start_date,
        places.handoff,
        places.clock,
        places.segment,
        cohort_values.dimension,
        cohort_values.dimension_value,

        -- attributes
        places.segment = '(all)' or cohort_values.dimension = '(all)' as is_total,
        totals.met + totals.breached < policy.small_sample as is_small_sample,

        -- counts
        totals.handed,
        totals.met,
        totals.breached,
        totals.pending,
        totals.not_evaluated,

        -- rates and hours
        cast(totals.met as double) / nullif(totals.met + totals.breached, 0) as met_rate,
        {{ wilson_bound('totals.met', '(totals.met + totals.breached)', '-') }} as rate_low,
        {{ wilson_bound('totals.met', '(totals.met + totals.breached)', '+') }} as rate_high,
        {%- for look in looks %}
            ends.rate_{{ look }} as answered_{{ look }},
        {%- endfor %}
        cast(ends.median_minutes as double) / 60 as median_hours,
        cast(ends.p90_minutes as double) / 60 as p90_hours,

        -- what a late answer costs
        coalesce(compared.compared_handoffs, 0) as compared_handoffs,
        {%- for status in ['met', 'breached'] %}
            compared.{{ status }}_opportunity_rate,
            compared.{{ status }}_low as {{ status }}_opportunity_rate_low,
            compared.{{ status }}_high as {{ status }}_opportunity_rate_high,
        {%- endfor %}
        compared.rate_gap as opportunity_rate_gap,
        compared.rate_gap - sqrt(
            power(compared.met_opportunity_rate - compared.met_low, 2)
            + power(compared.breached_high - compared.breached_opportunity_rate, 2)
        ) as opportunity_rate_gap_low,
        compared.rate_gap + sqrt(
            power(compared.met_high - compared.met_opportunity_rate, 2)
            + power(compared.breached_opportunity_rate - compared.breached_low, 2)
        ) as opportunity_rate_gap_high
    from totals
    inner join places on totals.place_number = places.place_number
    inner join cohort_values on totals.value_number = cohort_values.value_number
    left join ends on totals.cohort_key = ends.cohort_key
    left join compared
        on
            places.month_start_date = compared.month_start_date
            and places.handoff = compared.handoff
            and places.clock = compared.clock
            and places.segment = compared.segment
            and cohort_values.dimension = compared.dimension
            and cohort_values.dimension_value = compared.dimension_value
    cross join policy

)

select * from report
