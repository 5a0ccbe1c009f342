{#-
    Four CTEs for a model that has `risk_sets` (cohort_key, day, at_risk, closed and a count for
    each of `events` and `others`) and `policy` (small_risk_set): the last of them, `shares`, has a
    row for each of risk_sets, with the shares of a cohort to which each of the `events` that
    exclude each other has happened by the day, and the share to which none has, after Aalen and
    Johansen (1978); with one event, after Kaplan and Meier (1958). `is_unknown` from the first
    event on at which too few are followed.

    Sums of doubles depend on the order in which threads add them; sums of decimals do not. What is
    left of the logarithms' error is rounded away.
-#}
{% macro aalen_johansen(events, others) -%}
    hazards as (

        select
            risk_sets.cohort_key,
            risk_sets.day,
            {%- for count in events + others %}
            risk_sets.{{ count }},
            {%- endfor %}
            risk_sets.closed,
            risk_sets.at_risk,
            case
                when risk_sets.closed > 0 and risk_sets.at_risk < policy.small_risk_set then 1
                else 0
            end as is_too_small,
            case when risk_sets.closed > 0 and risk_sets.closed = risk_sets.at_risk then 1 else 0
            end as is_last,
            case
                when risk_sets.closed > 0 and risk_sets.closed < risk_sets.at_risk
                    then
                        cast(
                            ln(1 - cast(risk_sets.closed as double) / risk_sets.at_risk)
                            as decimal(38, 18)
                        )
                else 0
            end as log_open
        from risk_sets
        cross join policy

    ),

    opened as (

        select
            hazards.*,
            max(hazards.is_too_small) over so_far as is_unknown,
            sum(hazards.is_last) over so_far as last_count,
            sum(hazards.log_open) over so_far as log_open_share
        from hazards
        window so_far as (
            partition by hazards.cohort_key
            order by hazards.day nulls last
            rows between unbounded preceding and current row
        )

    ),

    -- What was open before the day is what is open after it without the day's own part.
    shared as (

        select
            opened.*,
            case
                when opened.last_count > 0 then cast(0 as double)
                else round(exp(cast(opened.log_open_share as double)), 12)
            end as open_share,
            case
                when opened.last_count > opened.is_last then cast(0 as double)
                else exp(cast(opened.log_open_share - opened.log_open as double))
            end as open_before
        from opened

    ),

    shares as (

        select
            shared.cohort_key,
            shared.day,
            shared.{{ events[0] }},
            shared.closed,
            shared.at_risk,
            shared.is_unknown = 1 as is_unknown,
            shared.open_share,
            {%- for event in events %}
            round(cast(sum(coalesce(cast(
                shared.open_before * shared.{{ event }} / nullif(shared.at_risk, 0)
                as decimal(38, 18)
            ), 0)) over so_far as double), 12) as {{ event }}_share,
            {%- endfor %}
            {%- for count in events + others %}
            sum(shared.{{ count }}) over so_far as {{ count }}_so_far
            {{- ',' if not loop.last }}
            {%- endfor %}
        from shared
        window so_far as (
            partition by shared.cohort_key
            order by shared.day nulls last
            rows between unbounded preceding and current row
        )

    )
{%- endmacro %}
