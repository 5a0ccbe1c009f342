{#-
    Where each type of source keeps `entity` in our own column names and shape, as {type:
    relation}.

    `files` and `demo` speak our names already (or are mapped to them by the user), so the cache
    of the ledger serves as it is. A vendor has staging models of its own, `stg_<type>__<entity>`,
    for the canonical entities in `vendor_fields`. They rename the vendor's columns to ours and
    keep source, valid_from, valid_to, _pl_change and _pl_origin. Only those of configured types
    exist (dbt_project.yml enables them), so that no company's build makes the views of vendors it
    has not.
-#}
{% macro canonical_relations(entity) -%}
    {%- set relations = {
        'files': source('ledger', 'files__' ~ entity),
        'demo': source('ledger', 'demo__' ~ entity),
    } -%}
    {%- for type, entities in vendor_fields().items() -%}
        {%- if type in configured_types() and entity in entities -%}
            {%- do relations.update({type: ref('stg_' ~ type ~ '__' ~ entity)}) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(relations) }}
{%- endmacro %}
