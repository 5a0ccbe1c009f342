{#-
    The configured sources whose rows of `entity` can be selected together: one group for each
    relation, column mapping and dialect, as {relation, names (a SQL list), columns (column name ->
    type), mapping (ours -> theirs), dialect (see cast_from_ledger)}. A vendor's staging has applied
    the mapping already, and knows no dialects.
-#}
{% macro source_groups(entity) -%}
    {%- set relations = canonical_relations(entity) -%}
    {%- set groups = {} -%}
    {%- for name, settings in var('sources').items() if execute and settings.type in relations -%}
        {%- set is_vendor = settings.type in vendor_fields() -%}
        {%- set mapping = {} if is_vendor else settings.get('columns', {}).get(entity, {}) -%}
        {%- set dialect = {} if is_vendor else settings.get('dialects', {}).get(entity, {}) -%}
        {%- set group_key = settings.type ~ tojson([mapping, dialect], sort_keys=true) -%}
        {%- if group_key not in groups -%}
            {%- set relation = relations[settings.type] -%}
            {%- do groups.update({group_key: {
                'relation': relation,
                'names': [],
                'columns': columns_in_ledger(relation),
                'mapping': mapping,
                'dialect': dialect,
            }}) -%}
        {%- endif -%}
        {%- do groups[group_key].names.append("'" ~ name | replace("'", "''") ~ "'") -%}
    {%- endfor -%}
    {{ return(groups.values() | list) }}
{%- endmacro %}
