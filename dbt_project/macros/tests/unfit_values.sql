{#-
    Values of `entity` that its staging model could not cast: text of a column that was mapped
    after it had been captured, in the values that the settings name. They are NULL in every mart; the ledger still has them. `canonical`
    is what the model passes to conform.
-#}
{% macro unfit_values(entity, canonical={}) -%}

    {#- outside of any condition, so that dbt sees what is read when it parses -#}
    {%- set groups = source_groups(entity) -%}
    {%- for type, entities in vendor_fields().items() if type in configured_types() -%}
        {%- for vendor_entity in entities.get(entity, {}) -%}
            {%- do groups.extend(vendor_groups(type, entity, vendor_entity)) -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- set checks = [] -%}
    {%- set columns = graph.nodes['model.pipeledger.stg_' ~ entity].columns if execute else {} -%}
    {%- for name, column in columns.items() if column.data_type | lower != 'string' -%}
        {%- for group in groups -%}
            {%- set ours = canonical.get(name, name) -%}
            {%- set names = [group.fields.get(ours)] if group.fields is defined
                else [ledger_name(ours, group.mapping)] + group.also.get(ours, []) -%}
            {%- for theirs in names if theirs is string and theirs in group.columns -%}
                {%- do checks.append({
                    'group': group, 'theirs': theirs, 'ours': ours, 'name': name, 'column': column
                }) if group.columns[theirs] | upper == 'VARCHAR' -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}

    {%- for check in checks %}
    {%- set value = adapter.quote(check.theirs) %}
    {%- set dialect = check.group.get('dialect', {}) %}
    {%- set our_values = check.group.get('our_values', {}).get(check.ours, {}) %}
    select
        source,
        '{{ check.name }}' as column_name,
        count(*) as row_count,
        source || '.{{ entity }}: ' || cast(count(*) as {{ dbt.type_string() }})
        || ' values of {{ check.theirs }} are no {{ check.column.data_type }}'
        || ' and count as missing ({{ check.name }}), such as ' || min(said)
        {%- if dialect.is_unsure %}
        || max(
            case
                when {{ reading_of('is_unsure', dialect) }}(said)
                    then ' (what its point means cannot be told: say `decimal` in the settings)'
                else ''
            end
        )
        {%- endif %} as finding
    from (
        select
            source,
            {{ value }} as said,
            {{ cast_from_ledger(
                in_our_values(value, 'string', our_values),
                'string', check.column.data_type, dialect=dialect
            ) }} as value_said
        from {{ check.group.relation }}
        where source in ({{ check.group.names | join(', ') }})
    ) as readings
    where {{ reading_of('is_value', dialect) }}(said) and value_said is null
    group by source
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
    {%- if not checks %}
    select
        cast(null as {{ dbt.type_string() }}) as source,
        cast(null as {{ dbt.type_string() }}) as finding
    where false
    {%- endif %}

{%- endmacro %}
