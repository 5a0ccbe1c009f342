{#-
    The 15 characters of `account_id` that tell a Salesforce account: API and exports add three
    more, which only say which of them are capitals; reports and the address bar do not. Case
    counts. NULL where it is no such id.
-#}
{% macro short_salesforce_id(account_id) -%}
    nullif(regexp_extract({{ account_id }}, '^(001[A-Za-z0-9]{12})([A-Z0-5]{3})?$', 1), '')
{%- endmacro %}
