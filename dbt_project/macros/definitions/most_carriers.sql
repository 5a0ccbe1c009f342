{#- How many records one person can have with an address: what more share is one such as info@. -#}
{% macro most_carriers() -%}
    5
{%- endmacro %}
