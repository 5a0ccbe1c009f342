{#-
    `unit_amount` (decimal(30, 12)) x `units`, a whole number: exact, and rounded half away from
    zero to a whole number of at most 18 digits. Spark would cut a product of so many digits after
    six decimals: there the whole and the part behind the point are multiplied apart.
-#}
{% macro rounded_units(unit_amount, units) -%}
    {{ adapter.dispatch('rounded_units')(unit_amount, units) }}
{%- endmacro %}

{% macro default__rounded_units(unit_amount, units) -%}
    {%- set part = '(' ~ unit_amount ~ ' % 1)' -%}
    cast(
        cast({{ unit_amount }} - {{ part }} as decimal(18, 0)) * {{ units }}
        + round(cast({{ part }} as decimal(12, 12)) * {{ units }})
        as decimal(18, 0)
    )
{%- endmacro %}

{% macro duckdb__rounded_units(unit_amount, units) -%}
    cast(round({{ unit_amount }} * {{ units }}) as decimal(18, 0))
{%- endmacro %}
