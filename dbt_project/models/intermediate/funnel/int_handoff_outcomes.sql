-- One row per month_start_date x handoff x clock x segment x dimension x dimension_value, `(all)`
-- included, in which answers in time and late ones can be compared: how many of each led to an
-- opportunity, at equal channel and score.
{%- set dimensions = ['team', 'owner', 'weekday'] %}
{%- set place = ['month_start_date', 'handoff', 'clock'] %}
{%- set counts = ['met', 'breached', 'met_opportunities', 'breached_opportunities'] %}
with

handoffs as (

    select * from {{ ref('fct_handoffs') }}
    where led_to_opportunity is not null

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

counted as (

    select
        {{ handoff_cohort() }},
        handoffs.channel,
        cast(floor(handoffs.lead_score / policy.lead_score_band) as bigint) as score_band,
        {%- for status in ['met', 'breached'] %}
            count(*) filter (where handoffs.status = '{{ status }}') as {{ status }},
            count(*) filter (where handoffs.status = '{{ status }}' and handoffs.led_to_opportunity)
                as {{ status }}_opportunities,
        {%- endfor %}
        count(*) as compared
    from handoffs
    cross join policy
    group by {{ range(1, 10) | join(', ') }}

),

by_dimension as (

    {%- for dimension in ['(all)'] + dimensions %}
        select
            {%- for column in place + ['segment', 'channel', 'score_band'] %}
                counted.{{ column }},
            {%- endfor %}
            {{ "'(all)'" if dimension == '(all)' else 'counted.' ~ dimension }}
                as dimension_value,
            {%- for count in counts %}
                counted.{{ count }},
            {%- endfor %}
            '{{ dimension }}' as dimension
        from counted
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

strata as (

    {{ with_all(
        'by_dimension',
        all_of=['segment'],
        others=place + ['dimension', 'dimension_value', 'channel', 'score_band'],
        sums=counts,
    ) }}

),

-- Both are weighted by all hand-offs of channel and score, so that they differ in time alone. A
-- weighted share is as sure as a plain one of `sure` hand-offs (Kish 1965). Sums of decimals are
-- the same in any order.
weighted as (

    select
        {%- for column in place + ['segment', 'dimension', 'dimension_value'] %}
            strata.{{ column }},
        {%- endfor %}
        {%- for status in ['met', 'breached'] %}
            cast(sum(cast(
                (strata.met + strata.breached)
                * (cast(strata.{{ status }}_opportunities as double) / strata.{{ status }})
                as decimal(38, 18)
            )) as double) as {{ status }}_opportunities,
            cast(sum(cast(
                (strata.met + strata.breached)
                * (cast(strata.met + strata.breached as double) / strata.{{ status }})
                as decimal(38, 18)
            )) as double) as {{ status }}_squares,
        {%- endfor %}
        cast(sum(strata.met + strata.breached) as integer) as compared
    from strata
    where strata.met > 0 and strata.breached > 0
    group by {{ range(1, 7) | join(', ') }}

),

outcomes as (

    select
        weighted.*,
        {%- for status in ['met', 'breached'] %}
            weighted.{{ status }}_opportunities / weighted.compared
                as {{ status }}_opportunity_rate,
            cast(weighted.compared as double) * weighted.compared / weighted.{{ status }}_squares
                as {{ status }}_sure,
        {%- endfor %}
        weighted.compared as compared_handoffs
    from weighted

)

select * from outcomes
