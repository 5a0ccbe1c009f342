-- One row per month_start_date x handoff x clock x segment x dimension x dimension_value, `(all)`
-- included: how many hand-offs that began in the month were answered within the limit, and when.
{%- set dimensions = ['team', 'owner', 'weekday'] %}
{%- set place = ['month_start_date', 'handoff', 'clock'] %}
{%- set counts = ['handed', 'met', 'breached', 'pending', 'not_evaluated'] %}
{%- set ends = ['answered', 'unanswered'] %}
{%- set looks = [1, 4, 24, 48] %}
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

-- Answers are followed to the minute.
timed as (

    select
        {{ handoff_cohort() }},
        handoffs.status,
        handoffs.ended_at is not null as is_answered,
        cast(ceil(coalesce(handoffs.elapsed_hours, 0) * 60 - 1e-6) as integer) as minutes
    from handoffs

),

{{ cohort_numbers('timed', place, dimensions) }},

-- They are handed in the minute before the first.
counted as (

    {%- for value in [1] + dimensions %}
        {%- set value = value if loop.first else 'numbered.value_number_' ~ value %}
        select
            numbered.place_number,
            numbered.whole_number,
            {{ value }} as value_number,
            -1 as day,
            cast(count(*) as integer) as handed,
            {%- for status in counts[1:] %}
                cast(count(*) filter (where numbered.status = '{{ status }}') as integer)
                    as {{ status }},
            {%- endfor %}
            0 as answered,
            0 as unanswered
        from numbered
        group by
            {%- if not loop.first %}
                {{ value }},
            {%- endif %}
            numbered.place_number,
            numbered.whole_number
        union all
        select
            numbered.place_number,
            numbered.whole_number,
            {{ value }} as value_number,
            numbered.minutes as day,
            {%- for count in counts %}
                0 as {{ count }},
            {%- endfor %}
            cast(count(*) filter (where numbered.is_answered) as integer) as answered,
            cast(count(*) filter (where not numbered.is_answered) as integer) as unanswered
        from numbered
        group by
            {%- if not loop.first %}
                {{ value }},
            {%- endif %}
            numbered.place_number,
            numbered.whole_number,
            numbered.minutes
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

cohorts as (

    select
        counted.place_number,
        counted.value_number,
        {{ columns_of('counted', counts + ends) }},
        counted.day
    from counted
    union all
    select
        counted.whole_number as place_number,
        counted.value_number,
        {%- for count in counts + ends %}
            cast(sum(counted.{{ count }}) as integer) as {{ count }},
        {%- endfor %}
        counted.day
    from counted
    group by counted.whole_number, counted.value_number, counted.day

),

totals as (

    select
        cast(row_number() over (
            order by cohorts.place_number nulls last, cohorts.value_number nulls last
        ) as integer) as cohort_key,
        {{ columns_of('cohorts', counts) }},
        cohorts.place_number,
        cohorts.value_number
    from cohorts
    where cohorts.day = -1

),

risk_sets as (

    select
        totals.cohort_key,
        cohorts.day,
        cohorts.answered,
        cohorts.unanswered,
        cohorts.answered as closed,
        cast(coalesce(
            sum(cohorts.handed - cohorts.answered - cohorts.unanswered) over (
                partition by totals.cohort_key
                order by cohorts.day nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as integer) as at_risk
    from cohorts
    inner join totals
        on
            cohorts.place_number = totals.place_number
            and cohorts.value_number = totals.value_number

),

{{ aalen_johansen(events=['answered'], others=['unanswered']) }},

-- Shares of which nobody was lost from sight are counted, however few are left.
known as (

    select shares.*
    from shares
    where not shares.is_unknown or shares.unanswered_so_far = 0

),

-- The last hour at which a share is known, which is looked at where nothing happens, too.
unknown as (

    select
        shares.cohort_key,
        min(shares.day) as unknown_from
    from shares
    where shares.is_unknown and shares.unanswered_so_far > 0
    group by shares.cohort_key

),

answers as (

    select
        known.cohort_key,
        {%- for look in looks %}
            max(case when known.day <= {{ look * 60 }} then known.answered_share end)
                as answered_share_{{ look }}h,
            min(case when known.day <= {{ look * 60 }} then known.open_share end)
                as open_share_{{ look }}h,
            max(
                case
                    when known.day < {{ look * 60 }}
                        then known.answered_so_far + known.unanswered_so_far
                end
            ) as left_{{ look }}h,
        {%- endfor %}
        min(case when known.open_share <= 0.5 + 1e-9 then known.day end) as median_minutes,
        min(case when known.open_share <= 0.1 + 1e-9 then known.day end) as p90_minutes
    from known
    group by known.cohort_key

),

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
            case
                when
                    coalesce(unknown.unknown_from > {{ look * 60 }}, true)
                    and (
                        totals.handed > answers.left_{{ look }}h
                        or answers.open_share_{{ look }}h = 0
                    )
                    then answers.answered_share_{{ look }}h
            end as answered_{{ look }}h,
        {%- endfor %}
        cast(answers.median_minutes as double) / 60 as median_hours,
        cast(answers.p90_minutes as double) / 60 as p90_hours,

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
    left join answers on totals.cohort_key = answers.cohort_key
    left join unknown on totals.cohort_key = unknown.cohort_key
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
