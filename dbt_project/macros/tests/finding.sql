{#-
    A sentence out of texts and SQL expressions, as many as are given: finding("'EUR: '",
    'row_count', "' amounts'").
-#}
{% macro finding() -%}
    {%- for part in varargs -%}
        coalesce(cast({{ part }} as {{ dbt.type_string() }}), '(none)')
        {%- if not loop.last %} || {% endif -%}
    {%- endfor -%}
{%- endmacro %}
