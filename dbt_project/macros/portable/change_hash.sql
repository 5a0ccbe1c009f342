{#-
    One number that changes when any of `columns` (a list of SQL expressions) does; NULL counts as
    a value. It compares neighbours within one run and is never stored for later: engines hash
    differently from release to release. Spark's hash passes over NULL, so that a value that moves
    to the next column would change nothing: there it is also told which of them are NULL.
-#}
{% macro change_hash(columns) -%}
    {{ adapter.dispatch('change_hash')(columns) }}
{%- endmacro %}

{% macro default__change_hash(columns) -%}
    xxhash64({{ columns | join(', ') }}, ({{ columns | join(') is null, (') }}) is null)
{%- endmacro %}

{% macro duckdb__change_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}
