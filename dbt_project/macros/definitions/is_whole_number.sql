{#- Whether the text in `column` is a whole number from `least` to `most`. -#}
{% macro is_whole_number(column, least, most) -%}
    coalesce(
        {{ cast_from_ledger(column, 'string', 'bigint') }} between {{ least }} and {{ most }}
        and not {{ reading_of('is_unsure') }}({{ column }}),
        false
    )
{%- endmacro %}
