{#- Whether `columns` of the relations `one` and `other` are the same. -#}
{% macro equal_columns(one, other, columns) -%}
    {%- for column in columns -%}
        {{ one }}.{{ column }} = {{ other }}.{{ column }}{{ ' and ' if not loop.last }}
    {%- endfor -%}
{%- endmacro %}
