{#-
    A list of what `value` is for each element of `list`. In it, `each` names the element and
    `place` its place (see element_of).
-#}
{% macro elements_as(list, each, value, place='place') -%}
    {{ adapter.dispatch('elements_as')(list, each, value, place) }}
{%- endmacro %}

{% macro default__elements_as(list, each, value, place='place') -%}
    transform({{ list }}, ({{ each }}, {{ place }}) -> {{ value }})
{%- endmacro %}

{% macro duckdb__elements_as(list, each, value, place='place') -%}
    list_transform({{ list }}, lambda {{ each }}, {{ place }}: {{ value }})
{%- endmacro %}
