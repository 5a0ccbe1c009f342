{#-
    The different values of `text` in a group, in order, as one text: `CHF, GBP`. NULL where there
    is none.
-#}
{% macro listed(text) -%}
    {{ adapter.dispatch('listed')(text) }}
{%- endmacro %}

{% macro default__listed(text) -%}
    nullif(array_join(array_sort(collect_set({{ text }})), ', '), '')
{%- endmacro %}

{% macro duckdb__listed(text) -%}
    string_agg(distinct {{ text }}, ', ' order by {{ text }} nulls last)
{%- endmacro %}
