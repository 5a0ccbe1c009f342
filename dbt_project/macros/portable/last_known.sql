{#-
    The last `value` of a window's frame that is not NULL. Of values that rise, it is the largest,
    and found sooner than that.
-#}
{% macro last_known(value) -%}
    {{ adapter.dispatch('last_known')(value) }}
{%- endmacro %}

{% macro default__last_known(value) -%}
    last_value({{ value }}, true)
{%- endmacro %}

{% macro duckdb__last_known(value) -%}
    last_value({{ value }} ignore nulls)
{%- endmacro %}
