{#- The sum of the whole numbers in `list`, leaving NULLs out; NULL where nothing is left. -#}
{% macro elements_summed(list) -%}
    {{ adapter.dispatch('elements_summed')(list) }}
{%- endmacro %}

{% macro default__elements_summed(list) -%}
    aggregate(
        filter({{ list }}, number -> number is not null),
        cast(null as decimal(38, 0)),
        (total, number) -> coalesce(total, 0) + number
    )
{%- endmacro %}

{% macro duckdb__elements_summed(list) -%}
    list_sum({{ list }})
{%- endmacro %}
