{#-
    The configured sources whose rows of `entity` can be selected together: one group for each
    relation and what the settings say of its columns, as {relation, names (a SQL list), columns
    (column name -> type), mapping (ours -> theirs), also (ours -> more of theirs), our_values (ours
    -> their value -> our value), defaults (ours -> value), dialect (see cast_from_ledger)}. A
    vendor's staging has applied the mapping already, and knows no dialects.
-#}
{% macro source_groups(entity) -%}
    {%- set relations = canonical_relations(entity) -%}
    {%- set groups = {} -%}
    {%- for name, settings in var('sources').items() if execute and settings.type in relations -%}
        {%- set is_vendor = settings.type in vendor_fields() -%}
        {%- set mapping = {} if is_vendor else settings.get('columns', {}).get(entity, {}) -%}
        {%- set said = {
            'mapping': mapping,
            'also': settings.get('also', {}).get(entity, {}),
            'our_values': settings.get('values', {}).get(entity, {}),
            'defaults': settings.get('defaults', {}).get(entity, {}),
            'dialect': {} if is_vendor else settings.get('dialects', {}).get(entity, {}),
        } -%}
        {%- set group_key = settings.type ~ tojson(said, sort_keys=true) -%}
        {%- if group_key not in groups -%}
            {%- set relation = relations[settings.type] -%}
            {%- do groups.update({group_key: dict(
                said, relation=relation, names=[], columns=columns_in_ledger(relation)
            )}) -%}
        {%- endif -%}
        {%- do groups[group_key].names.append("'" ~ name | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    {{ return(groups.values() | list) }}
{%- endmacro %}
