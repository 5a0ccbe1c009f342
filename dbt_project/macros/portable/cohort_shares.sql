{#-
    CTEs for a model that has `totals` and `risk_sets` as `cohort_counts` makes them, and `policy`
    (small_risk_set); `entered` is the total of those who enter. The shares of a cohort to which the
    first of `events`, which exclude each other, has happened by a day, and to which none has, are
    estimated as in `aalen_johansen`; of one event alone, the first is what the second leaves. But
    all of a cohort enter at once, so that one that has become too small stays it, and is exhausted
    by its last event. A share is unknown from the first event on at which too few are followed, but
    for a cohort of which nobody was `lost` until then.

    `shares` has a row per cohort x day with an event, as long as they are known: share, and what is
    left (open_share). `ends` has one per cohort: the counts of each outcome, and rate_<look>, the
    share at each of `looks` (by name, the day). Shares only grow, so that a look finds what the
    last event before it left. By the names of `falls`, it also has the first day on which no more
    than such a share was left.
-#}
{% macro cohort_shares(events, lost, entered, looks, falls={}) -%}
    {%- set outcomes = events + [lost] -%}
    {%- set closed = 'risk_sets.' ~ events | join(' + risk_sets.') -%}
    limits as (

        select
            risk_sets.cohort_key,
            {%- for outcome in outcomes %}
            cast(sum(risk_sets.{{ outcome }}) as integer) as {{ outcome }},
            {%- endfor %}
            {%- for look, day in looks.items() %}
            sum(case
                when risk_sets.day < {{ day }} then {{ closed }} + risk_sets.{{ lost }}
            end) as left_{{ look }},
            {%- endfor %}
            min(case when risk_sets.{{ lost }} > 0 then risk_sets.day end) as lost_from,
            min(case
                when {{ closed }} > 0 and risk_sets.at_risk < policy.small_risk_set
                    then risk_sets.day
            end) as small_from
        from risk_sets
        cross join policy
        group by risk_sets.cohort_key

    ),

    bounded as (

        select
            limits.*,
            case
                when limits.lost_from > limits.small_from then limits.lost_from
                when limits.lost_from <= limits.small_from then limits.small_from
            end as unknown_from
        from limits

    ),

    hazards as (

        select
            risk_sets.cohort_key,
            risk_sets.day,
            risk_sets.{{ events[0] }},
            risk_sets.at_risk,
            {{ closed }} = risk_sets.at_risk as is_last,
            case
                when {{ closed }} < risk_sets.at_risk
                    then
                        cast(
                            ln(1 - cast({{ closed }} as double) / risk_sets.at_risk)
                            as decimal(38, 18)
                        )
                else 0
            end as log_open
        from risk_sets
        inner join bounded on risk_sets.cohort_key = bounded.cohort_key
        where {{ closed }} > 0 and coalesce(risk_sets.day < bounded.unknown_from, true)

    ),

    opened as (

        select
            hazards.*,
            sum(hazards.log_open) over (
                partition by hazards.cohort_key
                order by hazards.day nulls last
                rows between unbounded preceding and current row
            ) as log_open_share
        from hazards

    ),

    shares as (

        select
            opened.cohort_key,
            opened.day,
            case
                when opened.is_last then cast(0 as double)
                else round(exp(cast(opened.log_open_share as double)), 12)
            end as open_share,
            {%- if events | length == 1 %}
            case
                when opened.is_last then cast(1 as double)
                else round(1 - exp(cast(opened.log_open_share as double)), 12)
            end as share
            {%- else %}
            round(cast(sum(cast(
                exp(cast(opened.log_open_share - opened.log_open as double))
                * opened.{{ events[0] }} / opened.at_risk
                as decimal(38, 18)
            )) over (
                partition by opened.cohort_key
                order by opened.day nulls last
                rows between unbounded preceding and current row
            ) as double), 12) as share
            {%- endif %}
        from opened

    ),

    seen as (

        select
            shares.cohort_key,
            {%- for look, day in looks.items() %}
            max(case when shares.day <= {{ day }} then shares.share end) as share_{{ look }},
            min(case when shares.day <= {{ day }} then shares.open_share end)
                as open_share_{{ look }},
            {%- endfor %}
            {%- for fall, left in falls.items() %}
            min(case when shares.open_share <= {{ left }} + 1e-9 then shares.day end) as {{ fall }},
            {%- endfor %}
            max(shares.share) as share,
            min(shares.open_share) as open_share
        from shares
        group by shares.cohort_key

    ),

    -- Nobody is looked at who was not followed so long.
    ends as (

        select
            bounded.cohort_key,
            {{ columns_of('bounded', outcomes) }},
            {%- for look, day in looks.items() %}
            case
                when
                    coalesce(bounded.unknown_from > {{ day }}, true)
                    and (
                        totals.{{ entered }} > coalesce(bounded.left_{{ look }}, 0)
                        or seen.open_share_{{ look }} = 0
                    )
                    then coalesce(seen.share_{{ look }}, 0)
            end as rate_{{ look }},
            {%- endfor %}
            {%- for fall in falls %}
            seen.{{ fall }},
            {%- endfor %}
            seen.share,
            seen.open_share
        from bounded
        inner join totals on bounded.cohort_key = totals.cohort_key
        left join seen on bounded.cohort_key = seen.cohort_key

    )
{%- endmacro %}
