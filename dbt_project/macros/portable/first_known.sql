{#-
    The first `value` of a window's frame that is not NULL. Of values that rise, it is the smallest,
    and found sooner than that.
-#}
{% macro first_known(value) -%}
    {{ adapter.dispatch('first_known')(value) }}
{%- endmacro %}

{% macro default__first_known(value) -%}
    first_value({{ value }}, true)
{%- endmacro %}

{% macro duckdb__first_known(value) -%}
    first_value({{ value }} ignore nulls)
{%- endmacro %}
