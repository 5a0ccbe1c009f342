{#-
    The function of the cache called `name` that reads text in `dialect` (see cast_from_ledger).
-#}
{% macro reading_of(name, dialect={}) -%}
    {%- set readings = dialect.get('readings') -%}
    ledger.{{ adapter.quote(readings ~ '.' ~ name) if readings else name }}
{%- endmacro %}
