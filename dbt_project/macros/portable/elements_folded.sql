{#-
    What becomes of `first` when each element of `list` makes it `value`, one after another. In it,
    `so_far` names what the elements before have made of it, and `each` the element. `first` has the
    type of `value`.
-#}
{% macro elements_folded(list, first, so_far, each, value) -%}
    {{ adapter.dispatch('elements_folded')(list, first, so_far, each, value) }}
{%- endmacro %}

{% macro default__elements_folded(list, first, so_far, each, value) -%}
    aggregate({{ list }}, {{ first }}, ({{ so_far }}, {{ each }}) -> {{ value }})
{%- endmacro %}

{% macro duckdb__elements_folded(list, first, so_far, each, value) -%}
    list_reduce({{ list }}, lambda {{ so_far }}, {{ each }}: {{ value }}, {{ first }})
{%- endmacro %}
