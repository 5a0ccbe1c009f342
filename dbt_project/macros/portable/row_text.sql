{#-
    All columns of the row of `relation` (an alias) as text: {"source":"crm","opportunity_id":"1"}.
-#}
{% macro row_text(relation) -%}
    {{ adapter.dispatch('row_text')(relation) }}
{%- endmacro %}

{% macro default__row_text(relation) -%}
    to_json(struct({{ relation }}.*))
{%- endmacro %}

{% macro duckdb__row_text(relation) -%}
    cast(to_json({{ relation }}) as varchar)
{%- endmacro %}
