{#- Whether `coupon` is for some products, and not for `product`. -#}
{% macro stripe_spares(coupon, product) -%}
    {{ element_of(coupon ~ '.applies_to.products') }} is not null
    and not coalesce(array_contains({{ coupon }}.applies_to.products, {{ product }}), false)
{%- endmacro %}
