{#-
    The configured sources of a vendor (`type`) whose rows of `vendor_entity`, one of its entities
    that make up our `entity`, can be selected together: one group for each mapping, as {relation,
    names (a SQL list), columns (ledger column name -> type), fields (ours -> theirs or an
    ingredient)}. A company's own mapping (pipeledger.toml) comes before the vendor's names, where
    the ledger has the column it names.
-#}
{% macro vendor_groups(type, entity, vendor_entity) -%}
    {%- set relation = source('ledger', type ~ '__' ~ vendor_entity) -%}
    {%- set columns = columns_in_ledger(relation) -%}
    {%- set groups = {} -%}
    {%- for name, settings in var('sources').items() if settings.type == type -%}
        {%- set mapping = settings.get('columns', {}).get(entity, {}) -%}
        {%- set group_key = tojson(mapping, sort_keys=true) -%}
        {%- if group_key not in groups -%}
            {%- set fields = dict(vendor_fields()[type][entity][vendor_entity]) -%}
            {%- for ours, theirs in mapping.items() if theirs in columns -%}
                {%- do fields.update({ours: theirs}) -%}
            {%- endfor -%}
            {%- do groups.update({
                group_key: {'relation': relation, 'names': [], 'columns': columns, 'fields': fields}
            }) -%}
        {%- endif -%}
        {%- do groups[group_key].names.append("'" ~ name | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    {{ return(groups.values() | list) }}
{%- endmacro %}
