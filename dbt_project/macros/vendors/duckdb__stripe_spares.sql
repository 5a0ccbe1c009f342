{#- Whether `coupon` is for some products, and not for `product`. -#}
{% macro duckdb__stripe_spares(coupon, product) -%}
    len({{ coupon }}.applies_to.products) > 0
    and not coalesce(list_contains({{ coupon }}.applies_to.products, {{ product }}), false)
{%- endmacro %}
