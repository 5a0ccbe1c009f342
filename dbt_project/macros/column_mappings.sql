{#- The configured column mappings as rows: source, entity, column_name (ours), ledger_column (theirs). -#}
{% macro column_mappings() -%}
    {%- set rows = [] -%}
    {%- for source_name, settings in var('sources').items() -%}
        {%- for entity, mapping in settings.get('columns', {}).items() -%}
            {%- for ours, theirs in mapping.items() -%}
                {%- do rows.append([source_name, entity, ours, theirs]) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for row in rows or [['', '', '', '']] %}
    select
        {%- for name in ['source', 'entity', 'column_name', 'ledger_column'] %}
        cast('{{ row[loop.index0] | replace("'", "''") }}' as {{ dbt.type_string() }}) as {{ name }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
