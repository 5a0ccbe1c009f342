{#-
    The `amount` of an item after `coupon`, in minor units of `currency`. A percentage is rounded; a
    fixed amount is taken from the items before, which come to `earlier`, and then from this one. A
    coupon for other products than `product` leaves it alone. One whose terms are not known makes it
    unknown (NULL). DuckDB multiplies decimals of up to 18 digits in 64 bits, which a percentage
    of a billion rupiah overflows: 19 digits are wide enough for all.
-#}
{% macro stripe_reduced(amount, coupon, product, currency, earlier) -%}
    {%- set amount_off = stripe_amount_off(coupon, currency) -%}
    cast(
        case
            when {{ stripe_spares(coupon, product) }} then {{ amount }}
            when {{ coupon }}.percent_off is not null
                then {{ amount }} - round(
                    cast({{ amount }} as decimal(19, 0)) * {{ coupon }}.percent_off
                    * cast(0.01 as decimal(3, 2))
                )
            when {{ amount_off }} is not null
                then {{ amount }} - greatest(
                    0, least({{ amount }}, {{ amount_off }} - {{ earlier }})
                )
        end as decimal(18, 0)
    )
{%- endmacro %}
