{#-
    Whether the numbers in the column `text` of a source prove that a point is their decimal point:
    one at least shows it, and none shows the contrary. Without such a proof `1.500` may be 1500.
    `dialect` is the source's (see cast_from_ledger).
-#}
{% macro has_decimal_points(text, dialect={}) -%}
    (
        coalesce(max(case when {{ reading_of('has_point', dialect) }}({{ text }}) then 1 end)
            over (partition by source), 0)
        > coalesce(max(case when {{ reading_of('has_no_point', dialect) }}({{ text }}) then 1 end)
            over (partition by source), 0)
    )
{%- endmacro %}
