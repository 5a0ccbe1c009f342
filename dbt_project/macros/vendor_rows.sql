{#-
    Every version of one of a vendor's entities in our names: the columns of the calling model's contract and its
    ingredients, of all sources of the type. A company's own mapping (pipeledger.toml) comes before the vendor's
    names, where the ledger has the column it names. What the ledger has not is NULL.
-#}
{% macro vendor_rows(type, entity, vendor_entity) -%}
    {%- set relation = source('ledger', type ~ '__' ~ vendor_entity) -%}
    {%- set fields = vendor_fields()[type][entity][vendor_entity] -%}
    {%- set found = load_relation(relation) if execute else none -%}
    {%- set ledger = {} -%}
    {%- for column in (adapter.get_columns_in_relation(relation) if found is not none else []) -%}
        {%- do ledger.update({column.name: column.dtype}) -%}
    {%- endfor -%}
    {%- set kept = ['source', 'valid_from', 'valid_to', '_pl_change', '_pl_origin'] -%}
    {%- set types = {} -%}
    {%- for name, column in model.columns.items() if name not in kept -%}
        {%- do types.update({name: column.data_type}) -%}
    {%- endfor -%}
    {%- for name, field in fields.items() if field is not string -%}
        {%- do types.update({name: field[1]}) -%}
    {%- endfor -%}
    {%- set groups = {} -%}
    {%- for name, settings in var('sources').items() if settings.type == type -%}
        {%- set mapping = settings.get('columns', {}).get(entity, {}) -%}
        {%- do groups.setdefault(tojson(mapping, sort_keys=true), {'mapping': mapping, 'names': []}) -%}
        {%- do groups[tojson(mapping, sort_keys=true)].names.append("'" ~ name | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    {%- for group in groups.values() or [{'mapping': {}, 'names': ['null']}] %}
    select
        {%- for name, data_type in types.items() %}
        {%- set field = fields.get(name) -%}
        {%- set theirs = field if field is string or field is none else field[0] -%}
        {%- set theirs = group.mapping[name] if group.mapping.get(name) in ledger else theirs %}
        {% if theirs in ledger -%}
        {{ cast_from_ledger(adapter.quote(theirs), ledger[theirs], data_type) }} as {{ name }},
        {%- else -%}
        cast(null as {{ data_type }}) as {{ name }},
        {%- endif %}
        {%- endfor %}
        {%- for name in kept %}
        {{ name }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ relation }}
    where source in ({{ group.names | join(', ') }})
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
