{#-
    The names of the configured sources that are vendors as a SQL list; never empty, for `not in`.
-#}
{% macro vendor_sources() -%}
    {%- set names = [] -%}
    {%- for name, settings in var('sources').items() if settings.type in vendor_fields() -%}
        {%- do names.append("'" ~ name | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    ({{ names | join(', ') or "''" }})
{%- endmacro %}
