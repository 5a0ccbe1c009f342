{#-
    The number at `position`, from 0, of a `list` of whole numbers that are separated by `|`; NULL
    beyond its end.
-#}
{% macro number_in_list(list, position) -%}
    cast(nullif(split_part({{ list }}, '|', {{ position }} + 1), '') as decimal(38, 0))
{%- endmacro %}
