{#-
    The columns of `handoffs` (rows of fct_handoffs) by which hand-offs are counted together: the
    month in which they began, what was handed over by which clock, the segment, and each dimension.
-#}
{% macro handoff_cohort() -%}
    cast({{ dbt.date_trunc('month', 'handoffs.started_date') }} as date) as month_start_date,
    handoffs.handoff,
    handoffs.clock,
    handoffs.segment,
    handoffs.owner_team as team,
    coalesce(handoffs.owner_id, '(none)') as owner,
    coalesce(handoffs.weekday, '(none)') as weekday
{%- endmacro %}
