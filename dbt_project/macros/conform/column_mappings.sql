{#-
    Which column of the ledger is which of ours, where their names differ or the entity does, as
    rows: source, ledger_entity, ledger_column, entity, column_name. Of files, what the settings
    map; of vendors, all that `vendor_fields` names, unless the settings map another column there.
-#}
{% macro column_mappings() -%}
    {%- set rows = [] -%}
    {%- for source_name, settings in var('sources').items() -%}
        {%- set mapped = settings.get('columns', {}) -%}
        {%- set vendor = vendor_fields().get(settings.type) -%}
        {%- if vendor is none -%}
            {%- for entity, mapping in mapped.items() -%}
                {%- for ours, theirs in mapping.items() -%}
                    {%- do rows.append([source_name, entity, theirs, entity, ours]) -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- else -%}
            {%- for entity, vendor_entities in vendor.items() -%}
                {%- for vendor_entity, fields in vendor_entities.items() -%}
                    {%- for ours, field in dict(fields, **mapped.get(entity, {})).items() -%}
                        {%- set theirs = field if field is string else field[0] -%}
                        {%- set for_ours = ours if field is string else field[2] -%}
                        {%- do rows.append(
                            [source_name, vendor_entity, theirs, entity, for_ours]
                        ) -%}
                    {%- endfor -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {%- for row in rows or [['', '', '', '', '']] %}
    select
        {%- for name in ['source', 'ledger_entity', 'ledger_column', 'entity', 'column_name'] %}
        cast('{{ row[loop.index0] | replace("'", "''") }}' as {{ dbt.type_string() }}) as {{ name }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
