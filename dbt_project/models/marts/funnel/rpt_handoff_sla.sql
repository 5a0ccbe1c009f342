-- One row per month_start_date x handoff x clock x segment x dimension x dimension_value, `(all)`
-- included: how many hand-offs that began in the month were answered within the limit, and when.
{%- set dimensions = ['team', 'owner', 'weekday'] %}
{%- set place = ['month_start_date', 'handoff', 'clock'] %}
{%- set counts = [
    'handed', 'met', 'breached', 'pending', 'not_evaluated', 'answered', 'unanswered',
] %}
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

-- They are handed in the minute before the first.
events as (

    select
        {%- for column in place + ['segment'] + dimensions %}
            timed.{{ column }},
        {%- endfor %}
        -1 as day,
        count(*) as handed,
        {%- for status in ['met', 'breached', 'pending', 'not_evaluated'] %}
            count(*) filter (where timed.status = '{{ status }}') as {{ status }},
        {%- endfor %}
        0 as answered,
        0 as unanswered
    from timed
    group by
        {%- for column in place + dimensions %}
            timed.{{ column }},
        {%- endfor %}
        timed.segment
    union all
    select
        {%- for column in place + ['segment'] + dimensions %}
            timed.{{ column }},
        {%- endfor %}
        timed.minutes as day,
        {%- for count in counts[:5] %}
            0 as {{ count }},
        {%- endfor %}
        count(*) filter (where timed.is_answered) as answered,
        count(*) filter (where not timed.is_answered) as unanswered
    from timed
    group by
        {%- for column in place + dimensions %}
            timed.{{ column }},
        {%- endfor %}
        timed.segment,
        timed.minutes

),

counted as (

    {%- for dimension in ['(all)'] + dimensions %}
        select
            {%- for column in place + ['segment', 'day'] %}
                events.{{ column }},
            {%- endfor %}
            {{ "'(all)'" if dimension == '(all)' else 'events.' ~ dimension }}
                as dimension_value,
            {%- for count in counts %}
                sum(events.{{ count }}) as {{ count }},
            {%- endfor %}
            '{{ dimension }}' as dimension
        from events
        group by
            {%- if dimension != '(all)' %}
                events.{{ dimension }},
            {%- endif %}
            {%- for column in place + ['segment'] %}
                events.{{ column }},
            {%- endfor %}
            events.day
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

looked_at as (

    select counted.* from counted
    {%- for look in looks %}
        union all
        select
            {%- for column in place + ['segment'] %}
                counted.{{ column }},
            {%- endfor %}
            {{ look * 60 }} as day,
            counted.dimension_value,
            {%- for count in counts %}
                0 as {{ count }},
            {%- endfor %}
            counted.dimension
        from counted
        where counted.day = -1
    {%- endfor %}

),

cohorts as (

    {{ with_all(
        'looked_at',
        all_of=['segment'],
        others=place + ['dimension', 'dimension_value', 'day'],
        sums=counts,
    ) }}

),

numbers as (

    select
        cast(row_number() over (
            order by
                cohorts.month_start_date nulls last,
                cohorts.handoff nulls last,
                cohorts.clock nulls last,
                cohorts.segment nulls last,
                cohorts.dimension nulls last,
                cohorts.dimension_value nulls last
        ) as integer) as cohort_key,
        cohorts.month_start_date,
        cohorts.handoff,
        cohorts.clock,
        cohorts.segment,
        cohorts.dimension,
        cohorts.dimension_value
    from cohorts
    where cohorts.day = -1

),

numbered as (

    select
        {%- for count in counts %}
            cast(cohorts.{{ count }} as integer) as {{ count }},
        {%- endfor %}
        cohorts.day,
        numbers.cohort_key
    from cohorts
    inner join numbers
        on
            cohorts.month_start_date = numbers.month_start_date
            and cohorts.handoff = numbers.handoff
            and cohorts.clock = numbers.clock
            and cohorts.segment = numbers.segment
            and cohorts.dimension = numbers.dimension
            and cohorts.dimension_value = numbers.dimension_value

),

risk_sets as (

    select
        numbered.*,
        numbered.answered as closed,
        coalesce(
            sum(numbered.handed - numbered.answered - numbered.unanswered) over (
                partition by numbered.cohort_key
                order by numbered.day nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as at_risk
    from numbered

),

{{ aalen_johansen(events=['answered'], others=['unanswered']) }},

-- Shares of which nobody was lost from sight are counted, however few are left.
known as (

    select shares.*
    from shares
    where not shares.is_unknown or shares.unanswered_so_far = 0

),

answers as (

    select
        known.cohort_key,
        {%- for look in looks %}
            max(
                case
                    when
                        known.day = {{ look * 60 }}
                        and (known.at_risk > 0 or known.open_share = 0)
                        then known.answered_share
                end
            ) as answered_{{ look }}h,
        {%- endfor %}
        min(case when known.open_share <= 0.5 + 1e-9 then known.day end) as median_minutes,
        min(case when known.open_share <= 0.1 + 1e-9 then known.day end) as p90_minutes
    from known
    group by known.cohort_key

),

sums as (

    select
        {%- for count in counts %}
            cast(sum(risk_sets.{{ count }}) as integer) as {{ count }},
        {%- endfor %}
        risk_sets.cohort_key
    from risk_sets
    group by risk_sets.cohort_key

),

totals as (

    select
        sums.*,
        numbers.month_start_date,
        numbers.handoff,
        numbers.clock,
        numbers.segment,
        numbers.dimension,
        numbers.dimension_value
    from sums
    inner join numbers on sums.cohort_key = numbers.cohort_key

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
        totals.month_start_date,
        totals.handoff,
        totals.clock,
        totals.segment,
        totals.dimension,
        totals.dimension_value,

        -- attributes
        totals.segment = '(all)' or totals.dimension = '(all)' as is_total,
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
            answers.answered_{{ look }}h,
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
    left join answers on totals.cohort_key = answers.cohort_key
    left join compared
        on
            totals.month_start_date = compared.month_start_date
            and totals.handoff = compared.handoff
            and totals.clock = compared.clock
            and totals.segment = compared.segment
            and totals.dimension = compared.dimension
            and totals.dimension_value = compared.dimension_value
    cross join policy

)

select * from report
