{#-
    Whether the ledger has `column` of `vendor_entity`, one of the entities of a vendor (`type`).
    Where it has not, that a value is missing says nothing.
-#}
{% macro vendor_has(type, vendor_entity, column) -%}
    {{ column in columns_in_ledger(source('ledger', type ~ '__' ~ vendor_entity)) }}
{%- endmacro %}
