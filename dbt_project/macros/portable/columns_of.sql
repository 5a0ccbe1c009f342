{#- `columns` of `relation`, as a list of SQL. -#}
{% macro columns_of(relation, columns) -%}
    {{ relation }}.{{ columns | join(', ' ~ relation ~ '.') }}
{%- endmacro %}
