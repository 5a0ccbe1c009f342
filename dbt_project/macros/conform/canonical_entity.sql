{#-
    The canonical entity that a receipt speaks for: a vendor's `deal` is our `opportunity`. Only
    where the vendor has exactly one entity for ours, or one that gives our id, and it is nothing
    else besides; any other keeps its own name. `source` and `entity` are the receipt's columns.
-#}
{% macro canonical_entity(source, entity) -%}
    {%- set cases = [] -%}
    {%- for type, entities in vendor_fields().items() if type in configured_types() -%}
        {%- set names = [] -%}
        {%- for source_name, settings in var('sources').items() if settings.type == type -%}
            {%- do names.append("'" ~ source_name | replace("'", "''") ~ "'") -%}
        {%- endfor -%}
        {%- set used = [] -%}
        {%- for vendor_entities in entities.values() -%}
            {%- do used.extend(vendor_entities.keys()) -%}
        {%- endfor -%}
        {%- for ours, vendor_entities in entities.items() -%}
            {%- set with_id = [] -%}
            {%- set our_id = ours ~ '_id' -%}
            {%- for name, fields in vendor_entities.items() if fields.get(our_id) is string -%}
                {%- do with_id.append(name) -%}
            {%- endfor -%}
            {%- set theirs = with_id if with_id | length == 1 else vendor_entities.keys() | list -%}
            {%- set is_only_ours = theirs | length == 1 and used.count(theirs[0]) == 1 -%}
            {%- if is_only_ours and theirs[0] != ours and ours not in used -%}
                {%- do cases.append(
                    "when " ~ source ~ " in (" ~ names | join(', ') ~ ")"
                    ~ " and " ~ entity ~ " = '" ~ theirs[0] ~ "' then '" ~ ours ~ "'"
                ) -%}
            {%- endif -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if cases -%}
    case {{ cases | join(' ') }} else {{ entity }} end
    {%- else -%}
    {{ entity }}
    {%- endif -%}
{%- endmacro %}
