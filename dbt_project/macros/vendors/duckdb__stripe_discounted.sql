{#-
    `amounts` (a list, one for each item, in minor units of `currency`) after the recurring ones of
    `discounts`, one after another as Stripe does. A percentage is rounded item by item; a fixed
    amount is taken from the first item, then from the next. A coupon for some products leaves other
    items alone (`products` lists that of each item). One whose terms are not known makes the
    amounts unknown (NULL). DuckDB multiplies decimals of up to 18 digits in 64 bits, which a
    percentage of a billion rupiah overflows: 19 digits are wide enough for all.
-#}
{% macro duckdb__stripe_discounted(amounts, products, discounts, currency) -%}
    {%- set coupon = 'd.source.coupon' -%}
    {%- set spares_earlier = duckdb__stripe_spares(coupon, products ~ '[j]') -%}
    {%- set amount_off = duckdb__stripe_amount_off(coupon, currency) -%}
    list_reduce(
        list_filter(
            {{ discounts }},
            lambda d: coalesce(d.source.coupon.duration, '') <> 'once'
        ),
        lambda amounts, d: list_transform(
            amounts,
            lambda a, i: cast(
                case
                    when {{ duckdb__stripe_spares(coupon, products ~ '[i]') }} then a
                    when d.source.coupon.percent_off is not null
                        then a - round(
                            cast(a as decimal(19, 0)) * d.source.coupon.percent_off
                            * cast(0.01 as decimal(3, 2))
                        )
                    when {{ amount_off }} is not null then a - greatest(
                        0,
                        least(
                            a,
                            {{ amount_off }} - coalesce(
                                list_sum(
                                    list_transform(
                                        amounts[1:i - 1],
                                        lambda b, j: case
                                            when {{ spares_earlier }} then 0
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
