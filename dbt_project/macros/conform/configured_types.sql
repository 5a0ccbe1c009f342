{#- The types of the configured sources, each once. -#}
{% macro configured_types() -%}
    {{ return(var('sources').values() | map(attribute='type') | unique | list) }}
{%- endmacro %}
