{#- The items of a subscription, as landed in JSON, as a list of structures with what their price needs. -#}
{% macro stripe_items(items) -%}
    json_transform({{ items }}, '[{
        "quantity": "BIGINT",
        "price": {
            "product": "VARCHAR",
            "unit_amount": "DECIMAL(18,0)",
            "unit_amount_decimal": "DECIMAL(30,12)",
            "transform_quantity": {"divide_by": "BIGINT", "round": "VARCHAR"},
            "recurring": {"interval": "VARCHAR", "interval_count": "BIGINT", "usage_type": "VARCHAR"}
        },
        "discounts": {{ stripe_discount_shape() }}
    }]')
{%- endmacro %}

{#- Discounts with their coupons, as landed in JSON, as a list of structures. -#}
{% macro stripe_discounts(discounts) -%}
    json_transform({{ discounts }}, '{{ stripe_discount_shape() }}')
{%- endmacro %}

{% macro stripe_discount_shape() -%}
    [{"source": {"coupon": {
        "percent_off": "DECIMAL(9,6)",
        "amount_off": "DECIMAL(18,0)",
        "currency": "VARCHAR",
        "currency_options": "JSON",
        "duration": "VARCHAR",
        "applies_to": {"products": ["VARCHAR"]}
    }}}]
{%- endmacro %}

{#-
    Amounts (a list, one for each item, in minor units) after recurring discounts, one after another as Stripe does.
    A percentage is rounded item by item; a fixed amount is taken from the first item, then from the next. A coupon
    for some products leaves other items alone. One whose terms are not known makes the amounts unknown (NULL).
-#}
{% macro stripe_discounted(amounts, products, discounts, currency) -%}
    list_reduce(
        list_filter(
            {{ discounts }},
            lambda d: coalesce(d.source.coupon.duration, '') <> 'once'
        ),
        lambda amounts, d: list_transform(
            amounts,
            lambda a, i: cast(
                case
                    when {{ stripe_spares('d.source.coupon', products ~ '[i]') }} then a
                    when d.source.coupon.percent_off is not null
                        then a - round(
                            a * d.source.coupon.percent_off * cast(0.01 as decimal(3, 2))
                        )
                    when {{ stripe_amount_off('d.source.coupon', currency) }} is not null then a - greatest(
                        0,
                        least(
                            a,
                            {{ stripe_amount_off('d.source.coupon', currency) }} - coalesce(
                                list_sum(
                                    list_transform(
                                        amounts[1:i - 1],
                                        lambda b, j: case
                                            when {{ stripe_spares('d.source.coupon', products ~ '[j]') }} then 0
                                            else b
                                        end
                                    )
                                ),
                                0
                            )
                        )
                    )
                end as decimal(18, 0)
            )
        ),
        {{ amounts }}
    )
{%- endmacro %}

{#- Whether a coupon is for some products, and not for this one. -#}
{% macro stripe_spares(coupon, product) -%}
    len({{ coupon }}.applies_to.products) > 0
    and not coalesce(list_contains({{ coupon }}.applies_to.products, {{ product }}), false)
{%- endmacro %}

{#- What a coupon takes off in a currency. -#}
{% macro stripe_amount_off(coupon, currency) -%}
    case
        when {{ coupon }}.currency = {{ currency }} then {{ coupon }}.amount_off
        else cast(
            json_extract_string(
                {{ coupon }}.currency_options, '$.' || {{ currency }} || '.amount_off'
            ) as decimal(18, 0)
        )
    end
{%- endmacro %}

{#- The sum of a list; unknown (NULL) where one of its amounts is, or where it has none. -#}
{% macro stripe_sum(amounts) -%}
    case
        when len(list_filter({{ amounts }}, lambda a: a is null)) = 0 then list_sum({{ amounts }})
    end
{%- endmacro %}
