{#- What the JSON in `text` has at `path` (SQL for `$.key.key`), as text; NULL if nothing. -#}
{% macro json_text(text, path) -%}
    {{ adapter.dispatch('json_text')(text, path) }}
{%- endmacro %}

{% macro default__json_text(text, path) -%}
    get_json_object({{ text }}, {{ path }})
{%- endmacro %}

{% macro duckdb__json_text(text, path) -%}
    json_extract_string({{ text }}, {{ path }})
{%- endmacro %}
