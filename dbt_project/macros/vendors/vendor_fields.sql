{#-
    How vendors call what the canonical entities hold: type -> canonical entity -> the vendor's
    entity -> {ours: the vendor's column in the ledger}. The one place that says so: staging
    renames by it, and what was ever extracted is known by it. A canonical entity may come from
    several of the vendor's; a name of ours that no contract has is an ingredient of the staging
    model, in the type given and for the column of ours named: ['column', 'type', 'ours'].

    A vendor adds here its macro `<type>_fields` (a file of its own), the models
    `stg_<type>__<entity>`, one for each of its canonical entities, in `models/staging/<type>/`, a
    line in dbt_project.yml that enables this folder where a source of the type is configured, and
    its relations in `_ledger.yml`.
-#}
{% macro vendor_fields() -%}
    {{ return({
        'salesforce': salesforce_fields(),
        'hubspot': hubspot_fields(),
        'stripe': stripe_fields(),
        'marketo': marketo_fields(),
    }) }}
{%- endmacro %}
