{#-
    The 15 characters of `id` that tell a Salesforce record: API and exports add three more, which
    only say which of them are capitals; reports and the address bar do not. Case counts. The first
    three are those of its `object`: 001 of an account, 006 of an opportunity. NULL where it is no
    such id.
-#}
{% macro short_salesforce_id(id, object='001') -%}
    nullif(regexp_extract({{ id }}, '^({{ object }}[A-Za-z0-9]{12})([A-Z0-5]{3})?$', 1), '')
{%- endmacro %}
