{#-
    The JSON in `text` as lists and structs of the `shape`, written in Jinja with a type for each
    value: `[{'id': 'string', 'price': {'currency': 'string'}}]`. What is missing or does not fit is
    NULL; an object whose type is `string` stays JSON. Spark reads `"3"` and `3.0` as decimals only.
-#}
{% macro json_as(text, shape) -%}
    {{ adapter.dispatch('json_as')(text, shape) }}
{%- endmacro %}

{% macro default__json_as(text, shape) -%}
    {%- set words = {'[': 'array<', ']': '>', '{': 'struct<', '}': '>', '"': ''} -%}
    {%- set written = namespace(shape=tojson(shape)) -%}
    {%- for theirs, ours in words.items() -%}
        {%- set written.shape = written.shape | replace(theirs, ours) -%}
    {%- endfor -%}
    {%- set read = written.shape | replace('bigint', 'decimal(38,0)') -%}
    cast(from_json({{ text }}, '{{ read }}') as {{ written.shape }})
{%- endmacro %}

{% macro duckdb__json_as(text, shape) -%}
    json_transform({{ text }}, '{{ tojson(shape) }}')
{%- endmacro %}
