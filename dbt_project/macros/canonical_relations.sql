{#-
    Where each type of source keeps an entity in our own column names and shape.

    `files` and `demo` speak our names already (or are mapped to them by the user), so the cache of the ledger
    serves as it is. A vendor gets staging models of its own, `stg_<type>__<entity>`, that rename the vendor's
    columns to ours and keep source, valid_from, valid_to, _pl_change and _pl_origin; add it here as
        {'salesforce': ref('stg_salesforce__' ~ entity)}
    for the entities it has, and every model below is fed by it. dbt must see each of these calls when it
    parses, so none may depend on the variables of a run.
-#}
{% macro canonical_relations(entity) -%}
    {{ return({
        'files': source('ledger', 'files__' ~ entity),
        'demo': source('ledger', 'demo__' ~ entity),
    }) }}
{%- endmacro %}
