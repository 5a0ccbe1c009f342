{#-
    Whether the text in `column` is a list of whole numbers that are separated by `|`; 38
    characters at most, so that each number fits decimal(38, 0).
-#}
{% macro is_list_of_whole_numbers(column) -%}
    coalesce(
        translate({{ column }}, '0123456789|', '') = ''
        and length({{ column }}) between 1 and 38
        and '|' || {{ column }} || '|' not like '%||%',
        false
    )
{%- endmacro %}
