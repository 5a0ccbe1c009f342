{#-
    The schema of a model (`node`): the one that its layer names (`custom_schema_name`), without
    the target's prefix. Replaces dbt's own macro, which dbt calls by this name.
-#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ custom_schema_name | trim if custom_schema_name else target.schema }}
{%- endmacro %}
