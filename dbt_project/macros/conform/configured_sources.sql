{#-
    The names of the configured sources as a SQL list: what a company no longer configures is not
    modelled.
-#}
{% macro configured_sources() -%}
    {%- set names = [] -%}
    {%- for name in var('sources') -%}
        {%- do names.append("'" ~ name | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    ({{ names | join(', ') or 'null' }})
{%- endmacro %}
