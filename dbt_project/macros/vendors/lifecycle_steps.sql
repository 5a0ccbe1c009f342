{#-
    Which value of which field means which step of the lifecycle, as the settings of the sources
    of `type` have it, as rows: source, attribute_name, step_value, step (a column of person).
-#}
{% macro lifecycle_steps(type) -%}
    {%- set rows = [] -%}
    {%- for source_name, settings in var('sources').items() if settings.type == type -%}
        {%- for value, step in settings.get('lifecycle', {}).items() -%}
            {%- do rows.append([source_name, settings.lifecycle_field, value, step]) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for row in rows or [['', '', '', '']] %}
    select
        {%- for name in ['source', 'attribute_name', 'step_value', 'step'] %}
        cast('{{ row[loop.index0] | replace("'", "''") }}' as {{ dbt.type_string() }}) as {{ name }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    {%- if not rows %}
    where false
    {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
