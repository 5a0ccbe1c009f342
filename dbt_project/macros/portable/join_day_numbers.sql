{#-
    The end of a `from` clause: each of its rows once for every `day_numbers.day_number` from 0 to
    `days` - 1, not at all where that is no number above 0. The model has imported `day_numbers`.
    Spark would compare every row with every number.
-#}
{% macro join_day_numbers(days) -%}
    {{ adapter.dispatch('join_day_numbers')(days) }}
{%- endmacro %}

{% macro default__join_day_numbers(days) -%}
    lateral view
        explode(case when {{ days }} > 0 then sequence(0, {{ days }} - 1) end) day_numbers
        as day_number
{%- endmacro %}

{% macro duckdb__join_day_numbers(days) -%}
    inner join day_numbers on day_numbers.day_number < {{ days }}
{%- endmacro %}
