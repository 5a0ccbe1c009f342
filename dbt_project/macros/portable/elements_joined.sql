{#- The texts of `list` as one, a comma between them; NULL where all are NULL or there is none. -#}
{% macro elements_joined(list) -%}
    {{ adapter.dispatch('elements_joined')(list) }}
{%- endmacro %}

{% macro default__elements_joined(list) -%}
    nullif(array_join({{ list }}, ', '), '')
{%- endmacro %}

{% macro duckdb__elements_joined(list) -%}
    nullif(array_to_string({{ list }}, ', '), '')
{%- endmacro %}
