{#-
    `amount` x `probability` (0-1), exact and rounded half away from zero to cents. DuckDB
    multiplies in 64 bits as long as the product surely fits, which costs a tenth.
-#}
{% macro weighted_amount(amount, probability) -%}
    {{ adapter.dispatch('weighted_amount')(amount, probability) }}
{%- endmacro %}

{% macro default__weighted_amount(amount, probability) -%}
    {{ rounded_product(amount, probability) }}
{%- endmacro %}

{% macro duckdb__weighted_amount(amount, probability) -%}
    case
        when {{ amount }} between -9000000000 and 9000000000
            then cast(round({{ amount }} * {{ probability }}, 2) as decimal(18, 2))
        else {{ rounded_product(amount, probability) }}
    end
{%- endmacro %}
