{#-
    The first element of `list`, or that at `place`, which `elements_as` and `elements_where` count:
    from one or from nought, as the engine does. NULL where there is none.
-#}
{% macro element_of(list, place=none) -%}
    {{ adapter.dispatch('element_of')(list, place) }}
{%- endmacro %}

{% macro default__element_of(list, place=none) -%}
    get({{ list }}, {{ place or 0 }})
{%- endmacro %}

{% macro duckdb__element_of(list, place=none) -%}
    ({{ list }})[{{ place or 1 }}]
{%- endmacro %}
