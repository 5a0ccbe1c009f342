{#-
    The rows of `subscriptions`, a relation with the versions of Stripe's subscriptions in our names
    (see vendor_rows), and what their items and discounts, landed in JSON, come to: first_interval
    and first_interval_count (those of the first item), total_quantity, and in minor units
    total_amount (after recurring discounts) and total_list_amount (before them). An amount is NULL
    where a price or a discount is not known in the subscription's currency.
    prices_in_other_currencies names the prices that are known in another one only; NULL where there
    is none.
-#}
{% macro stripe_priced(subscriptions) -%}
    {{ adapter.dispatch('stripe_priced')(subscriptions) }}
{%- endmacro %}

{% macro default__stripe_priced(subscriptions) -%}
    {%- if execute -%}
    {{ exceptions.raise_compiler_error(
        'stripe_priced: only DuckDB can price subscriptions of Stripe so far, and this is '
        ~ adapter.type() ~ '. Write ' ~ adapter.type() ~ '__stripe_priced.'
    ) }}
    {%- endif -%}
{%- endmacro %}

{% macro duckdb__stripe_priced(subscriptions) -%}
    {%- set discount_shape -%}
        [{"source": {"coupon": {
            "percent_off": "DECIMAL(9,6)",
            "amount_off": "DECIMAL(18,0)",
            "currency": "VARCHAR",
            "currency_options": "JSON",
            "duration": "VARCHAR",
            "applies_to": {"products": ["VARCHAR"]}
        }}}]
    {%- endset -%}
    with

    -- Metered items have no price of their own: a subscription of nothing else has no amount.
    parsed as (

        select
            subscriptions.*,
            list_filter(
                json_transform(subscriptions.items, '[{
                    "quantity": "BIGINT",
                    "price": {
                        "id": "VARCHAR",
                        "product": "VARCHAR",
                        "currency": "VARCHAR",
                        "unit_amount": "DECIMAL(18,0)",
                        "unit_amount_decimal": "DECIMAL(30,12)",
                        "currency_options": "JSON",
                        "transform_quantity": {"divide_by": "BIGINT", "round": "VARCHAR"},
                        "recurring": {
                            "interval": "VARCHAR",
                            "interval_count": "BIGINT",
                            "usage_type": "VARCHAR"
                        }
                    },
                    "discounts": {{ discount_shape }}
                }]'),
                lambda each: coalesce(each.price.recurring.usage_type, '') <> 'metered'
            ) as priced_items,
            json_transform(
                case
                    when json_array_length(subscriptions.discounts) > 0 then subscriptions.discounts
                    when subscriptions.customer_discount is not null
                        then '[' || subscriptions.customer_discount || ']'
                    else '[]'
                end,
                '{{ discount_shape }}'
            ) as own_discounts
        from {{ subscriptions }} as subscriptions

    ),

    -- Tiered prices have no unit amount: NULL.
    in_currency as (

        select
            parsed.*,
            list_transform(
                parsed.priced_items,
                lambda each: {{ duckdb__stripe_unit_amount('each.price', 'parsed.currency_code') }}
            ) as unit_amounts
        from parsed

    ),

    -- Items of another interval count as often as the first.
    itemized as (

        select
            in_currency.*,
            list_transform(in_currency.priced_items, lambda each: each.price.product) as products,
            in_currency.priced_items[1].price.recurring.interval as first_interval,
            in_currency.priced_items[1].price.recurring.interval_count as first_interval_count,
            list_transform(
                in_currency.priced_items,
                lambda each, i: cast(
                    round(
                        in_currency.unit_amounts[i]
                        * case
                            when each.price.transform_quantity.divide_by is null
                                then coalesce(each.quantity, 1)
                            when each.price.transform_quantity.round = 'up'
                                then
                                    (each.quantity + each.price.transform_quantity.divide_by - 1)
                                    // each.price.transform_quantity.divide_by
                            else each.quantity // each.price.transform_quantity.divide_by
                        end
                    ) as decimal(18, 0)
                )
            ) as item_amounts,
            nullif(
                array_to_string(
                    list_filter(
                        list_transform(
                            in_currency.priced_items,
                            lambda each, i: case
                                when
                                    in_currency.unit_amounts[i] is null
                                    and coalesce(
                                        each.price.unit_amount_decimal, each.price.unit_amount
                                    ) is not null
                                    then
                                        each.price.id || ' in '
                                        || coalesce(upper(each.price.currency), 'no currency')
                            end
                        ),
                        lambda each: each is not null
                    ),
                    ', '
                ),
                ''
            ) as prices_in_other_currencies
        from in_currency

    ),

    normalized as (

        select
            itemized.*,
            list_transform(
                itemized.item_amounts,
                lambda a, i: case
                    when
                        itemized.priced_items[i].price.recurring.interval = itemized.first_interval
                        and itemized.priced_items[i].price.recurring.interval_count
                        = itemized.first_interval_count
                        then a
                    else cast(
                        round(
                            cast(a as double)
                            * {{ intervals_in_twelve_months(
                                'itemized.priced_items[i].price.recurring.interval'
                            ) }}
                            * itemized.first_interval_count
                            / itemized.priced_items[i].price.recurring.interval_count
                            / {{ intervals_in_twelve_months('itemized.first_interval') }}
                        ) as decimal(18, 0)
                    )
                end
            ) as list_amounts
        from itemized

    ),

    -- Discounts of items come first, then those of the subscription or, if it has none, its
    -- customer's.
    discounted as (

        select
            normalized.*,
            {{ duckdb__stripe_discounted(
                'list_transform(
                    normalized.list_amounts,
                    lambda c, k: ' ~ duckdb__stripe_discounted(
                        '[c]',
                        '[normalized.products[k]]',
                        'normalized.priced_items[k].discounts',
                        'lower(normalized.currency_code)'
                    ) ~ '[1]
                )',
                'normalized.products',
                'normalized.own_discounts',
                'lower(normalized.currency_code)'
            ) }} as amounts
        from normalized

    )

    select
        discounted.*,
        {{ duckdb__stripe_sum('discounted.amounts') }} as total_amount,
        {{ duckdb__stripe_sum('discounted.list_amounts') }} as total_list_amount,
        cast(
            list_sum(list_transform(discounted.priced_items, lambda each: each.quantity)) as bigint
        ) as total_quantity
    from discounted
{%- endmacro %}
