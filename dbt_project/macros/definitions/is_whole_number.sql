{#- Whether the text in `column` is a whole number from `least` to `most`. -#}
{% macro is_whole_number(column, least, most) -%}
    coalesce(
        try_cast({{ column }} as decimal(18, 4)) between {{ least }} and {{ most }}
        and try_cast({{ column }} as decimal(18, 4)) = try_cast({{ column }} as integer),
        false
    )
{%- endmacro %}
