{#-
    The different values of `text` in a group, in order, as one text: `CHF, GBP`. NULL where there
    is none. `separator` is an SQL expression.
-#}
{% macro listed(text, separator="', '") -%}
    {{ adapter.dispatch('listed')(text, separator) }}
{%- endmacro %}

{% macro default__listed(text, separator) -%}
    nullif(array_join(array_sort(collect_set({{ text }})), {{ separator }}), '')
{%- endmacro %}

{% macro duckdb__listed(text, separator) -%}
    string_agg(distinct {{ text }}, {{ separator }} order by {{ text }} nulls last)
{%- endmacro %}
