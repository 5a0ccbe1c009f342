{#-
    `amount` x `factor` in exact decimals, rounded half away from zero to cents. DuckDB gives a
    product the wider operand's width and overflows, so the amount is widened first; Spark widens
    by itself.
-#}
{% macro rounded_product(amount, factor) -%}
    {{ adapter.dispatch('rounded_product')(amount, factor) }}
{%- endmacro %}

{% macro default__rounded_product(amount, factor) -%}
    cast(round(({{ amount }}) * ({{ factor }}), 2) as decimal(18, 2))
{%- endmacro %}

{% macro duckdb__rounded_product(amount, factor) -%}
    cast(round(cast({{ amount }} as decimal(38, 2)) * {{ factor }}, 2) as decimal(18, 2))
{%- endmacro %}
