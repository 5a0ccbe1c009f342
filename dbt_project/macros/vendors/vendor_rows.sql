{#-
    Every version of `vendor_entity`, one of the entities of a vendor (`type`) that make up our
    `entity`, in our names: the columns of the calling model's contract and the ingredients, of
    all sources of the type (see vendor_groups). What the ledger has not is NULL.
-#}
{% macro vendor_rows(type, entity, vendor_entity) -%}
    {%- set kept = ['source', 'valid_from', 'valid_to', '_pl_change', '_pl_origin'] -%}
    {%- set types = {} -%}
    {%- for name, column in model.columns.items() if name not in kept -%}
        {%- do types.update({name: column.data_type}) -%}
    {%- endfor -%}
    {%- set fields = vendor_fields()[type][entity][vendor_entity] -%}
    {%- for name, field in fields.items() if field is not string -%}
        {%- do types.update({name: field[1]}) -%}
    {%- endfor -%}
    {%- set groups = vendor_groups(type, entity, vendor_entity) -%}
    {%- for group in groups or [{'fields': {}, 'columns': {}}] %}
    select
        {%- for name, data_type in types.items() %}
        {%- set field = group.fields.get(name) %}
        {%- set theirs = field if field is string or field is none else field[0] %}
        {%- if theirs in group.columns %}
        {{ cast_from_ledger(
            adapter.quote(theirs), group.columns[theirs], data_type, name.endswith('_id')
        ) }} as {{ name }},
        {%- else %}
        cast(null as {{ data_type }}) as {{ name }},
        {%- endif %}
        {%- endfor %}
        {{ kept | join(',\n        ') }}
    from {{ source('ledger', type ~ '__' ~ vendor_entity) }}
    where {% if groups %}source in ({{ group.names | join(', ') }}){% else %}false{% endif %}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
