{#-
    Every version of `entity`, from every configured source, in the columns and types that the
    calling model's contract lists. `canonical` names the columns that staging calls otherwise
    than the canonical entity does (ours -> canonical), and `stand_ins` the name that is the id
    where a source has none (id -> name). A column that a source never had is NULL, unless the
    settings give it a default. A vendor is added in vendor_fields; nothing changes here.
-#}
{% macro conform(entity, canonical={}, stand_ins={}) -%}
    {%- set groups = source_groups(entity) -%}
    {%- set kept = {
        'source': 'source',
        'valid_from': 'valid_from',
        'valid_to': 'valid_to',
        'origin': '_pl_origin',
        'is_tombstone': "_pl_change = 'delete'",
    } -%}
    {%- for group in groups or [{}] %}
    select
        {%- for name, column in model.columns.items() %}
        {%- if group and name in kept %}
        cast({{ kept[name] }} as {{ column.data_type }}) as {{ name }}
        {%- elif group %}
        {{ conformed_column(group, canonical.get(name, name), column, stand_ins.get(name)) }}
            as {{ name }}
        {%- else %}
        cast(null as {{ column.data_type }}) as {{ name }}
        {%- endif %}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    {%- if group %}
    from {{ group.relation }}
    where source in ({{ group.names | join(', ') }})
    {%- else %}
    where false
    {%- endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
