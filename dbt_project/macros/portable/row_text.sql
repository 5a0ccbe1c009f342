{#-
    All columns of the row of `relation` (an alias) as text: {"source":"crm","opportunity_id":"1"}.
    Spark leaves out what is NULL, and writes a T into times, unless it is told; it leaves out parts
    of a second.
-#}
{% macro row_text(relation) -%}
    {{ adapter.dispatch('row_text')(relation) }}
{%- endmacro %}

{% macro default__row_text(relation) -%}
    to_json(
        struct({{ relation }}.*),
        map('ignoreNullFields', 'false', 'timestampFormat', 'yyyy-MM-dd HH:mm:ss')
    )
{%- endmacro %}

{% macro duckdb__row_text(relation) -%}
    cast(to_json({{ relation }}) as varchar)
{%- endmacro %}
