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
    {%- set discounts = [{'source': {'coupon': {
        'percent_off': 'decimal(9,6)',
        'amount_off': 'decimal(18,0)',
        'currency': 'string',
        'currency_options': 'string',
        'duration': 'string',
        'applies_to': {'products': ['string']},
    }}}] -%}
    {%- set items = [{
        'quantity': 'bigint',
        'price': {
            'id': 'string',
            'product': 'string',
            'currency': 'string',
            'unit_amount': 'decimal(18,0)',
            'unit_amount_decimal': 'decimal(30,12)',
            'currency_options': 'string',
            'transform_quantity': {'divide_by': 'bigint', 'round': 'string'},
            'recurring': {
                'interval': 'string', 'interval_count': 'bigint', 'usage_type': 'string'
            },
        },
        'discounts': discounts,
    }] -%}
    with

    -- Metered items have no price of their own: a subscription of nothing else has no amount. Its
    -- customer's discount counts if it has none of its own.
    parsed as (

        {%- set in_effect -%}
            case
                when json_array_length(subscriptions.discounts) > 0 then subscriptions.discounts
                when subscriptions.customer_discount is not null
                    then '[' || subscriptions.customer_discount || ']'
                else '[]'
            end
        {%- endset %}
        select
            subscriptions.*,
            {{ elements_where(
                json_as('subscriptions.items', items),
                'item',
                "coalesce(item.price.recurring.usage_type, '') <> 'metered'"
            ) }} as priced_items,
            {{ stripe_recurring(json_as(in_effect, discounts)) }} as own_discounts
        from {{ subscriptions }} as subscriptions

    ),

    -- Tiered prices have no unit amount: NULL.
    in_currency as (

        select
            parsed.*,
            {{ elements_as(
                'parsed.priced_items',
                'item',
                stripe_unit_amount('item.price', 'parsed.currency_code')
            ) }} as unit_amounts
        from parsed

    ),

    itemized as (

        {%- set unit_amount = element_of('in_currency.unit_amounts', 'place') %}
        {%- set packages = 'item.price.transform_quantity' %}
        {%- set units -%}
            case
                when {{ packages }}.divide_by is null then coalesce(item.quantity, 1)
                when {{ packages }}.round = 'up'
                    then cast(ceil(item.quantity / {{ packages }}.divide_by) as bigint)
                else cast(floor(item.quantity / {{ packages }}.divide_by) as bigint)
            end
        {%- endset %}
        {%- set price_in_another_currency -%}
            case
                when
                    {{ unit_amount }} is null
                    and coalesce(item.price.unit_amount_decimal, item.price.unit_amount) is not null
                    then
                        item.price.id || ' in '
                        || coalesce(upper(item.price.currency), 'no currency')
            end
        {%- endset %}
        select
            in_currency.*,
            {{ element_of('in_currency.priced_items') }}.price.recurring as first_recurring,
            {{ elements_as(
                'in_currency.priced_items', 'item', rounded_units(unit_amount, units)
            ) }} as item_amounts,
            {{ elements_joined(elements_as(
                'in_currency.priced_items', 'item', price_in_another_currency
            )) }} as prices_in_other_currencies
        from in_currency

    ),

    -- Items of another interval count as often as the first.
    normalized as (

        {%- set recurring = element_of('itemized.priced_items', 'place') ~ '.price.recurring' %}
        {%- set list_amount -%}
            case
                when
                    {{ recurring }}.interval = itemized.first_recurring.interval
                    and {{ recurring }}.interval_count = itemized.first_recurring.interval_count
                    then amount
                else cast(
                    round(
                        cast(amount as double)
                        * {{ intervals_in_twelve_months(recurring ~ '.interval') }}
                        * itemized.first_recurring.interval_count
                        / {{ recurring }}.interval_count
                        / {{ intervals_in_twelve_months('itemized.first_recurring.interval') }}
                    ) as decimal(18, 0)
                )
            end
        {%- endset %}
        select
            itemized.*,
            {{ elements_as('itemized.item_amounts', 'amount', list_amount) }} as list_amounts
        from itemized

    ),

    -- Discounts of items come first, then those of the subscription, one after another as Stripe
    -- does.
    reduced as (

        {%- set item = element_of('normalized.priced_items', 'place') %}
        {%- set reduced_amount = stripe_reduced(
            'so_far', 'discount.source.coupon', item ~ '.price.product',
            'lower(normalized.currency_code)', '0'
        ) %}
        select
            normalized.*,
            {{ elements_as('normalized.list_amounts', 'amount', elements_folded(
                stripe_recurring(item ~ '.discounts'),
                'amount',
                'so_far',
                'discount',
                reduced_amount
            )) }} as reduced_amounts
        from normalized

    ),

    discounted as (

        {%- set product = element_of('reduced.priced_items', 'place') ~ '.price.product' %}
        {%- set earlier_product = element_of('reduced.priced_items', 'earlier_place')
            ~ '.price.product' %}
        {%- set is_taken_before -%}
            earlier_place < place
            and not ({{ stripe_spares('discount.source.coupon', earlier_product) }})
        {%- endset %}
        {%- set earlier = elements_summed(
            elements_where('amounts', 'earlier', is_taken_before, 'earlier_place')
        ) %}
        {%- set amount = stripe_reduced(
            'amount', 'discount.source.coupon', product, 'lower(reduced.currency_code)',
            'coalesce(' ~ earlier ~ ', 0)'
        ) %}
        select
            reduced.*,
            {{ elements_folded(
                'reduced.own_discounts', 'reduced.reduced_amounts', 'amounts', 'discount',
                elements_as('amounts', 'amount', amount)
            ) }} as amounts
        from reduced

    )

    select
        discounted.*,
        discounted.first_recurring.interval as first_interval,
        discounted.first_recurring.interval_count as first_interval_count,
        {{ stripe_sum('discounted.amounts') }} as total_amount,
        {{ stripe_sum('discounted.list_amounts') }} as total_list_amount,
        cast({{ elements_summed(
            elements_as('discounted.priced_items', 'item', 'item.quantity')
        ) }} as bigint) as total_quantity
    from discounted
{%- endmacro %}
