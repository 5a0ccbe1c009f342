{#-
    A list of those elements of `list` for which `condition` is true. In it, `each` names the
    element and `place` its place (see element_of).
-#}
{% macro elements_where(list, each, condition, place='place') -%}
    {{ adapter.dispatch('elements_where')(list, each, condition, place) }}
{%- endmacro %}

{% macro default__elements_where(list, each, condition, place='place') -%}
    filter({{ list }}, ({{ each }}, {{ place }}) -> {{ condition }})
{%- endmacro %}

{% macro duckdb__elements_where(list, each, condition, place='place') -%}
    list_filter({{ list }}, lambda {{ each }}, {{ place }}: {{ condition }})
{%- endmacro %}
