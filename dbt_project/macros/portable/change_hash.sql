{#-
    One number that changes when any of `columns` (a list of SQL expressions) does; NULL counts as
    a value. It compares neighbours within one run and is never stored for later: engines hash
    differently from release to release.
-#}
{% macro change_hash(columns) -%}
    {{ adapter.dispatch('change_hash')(columns) }}
{%- endmacro %}

{% macro default__change_hash(columns) -%}
    xxhash64({{ columns | join(', ') }})
{%- endmacro %}

{% macro duckdb__change_hash(columns) -%}
    hash({{ columns | join(', ') }})
{%- endmacro %}
