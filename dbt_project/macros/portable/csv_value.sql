{#-
    `text` as a value of a CSV file: in quotes where it has commas, quotes or line breaks; nothing
    where it is NULL.
-#}
{% macro csv_value(text) -%}
    case
        when
            {{ text }} like '%,%'
            or {{ text }} like '%' || chr(34) || '%'
            or {{ text }} like '%' || chr(10) || '%'
            then chr(34) || replace({{ text }}, chr(34), chr(34) || chr(34)) || chr(34)
        else coalesce({{ text }}, '')
    end
{%- endmacro %}
