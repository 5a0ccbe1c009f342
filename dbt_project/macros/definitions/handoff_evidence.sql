{#- What may end a hand-off, as sla_rules.csv names it. -#}
{% macro handoff_evidence() -%}
    {{ return(['first_response_at', 'activity', 'sal_at', 'sql_at', 'returned_status']) }}
{%- endmacro %}
