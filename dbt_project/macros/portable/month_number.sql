{#-
    The months from year 0 to the month of `day`: months as whole numbers, so that they can be
    counted.
-#}
{% macro month_number(day) -%}
    cast(extract(year from {{ day }}) * 12 + extract(month from {{ day }}) as integer)
{%- endmacro %}
