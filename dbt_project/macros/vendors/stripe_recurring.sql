{#- Those of `discounts`, a list of Stripe's, that are not for one bill only. -#}
{% macro stripe_recurring(discounts) -%}
    {{ elements_where(
        discounts, 'discount', "coalesce(discount.source.coupon.duration, '') <> 'once'"
    ) }}
{%- endmacro %}
