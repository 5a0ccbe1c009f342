{#-
    `amount` of Stripe's, in minor units of `currency`, as money. The currencies are those that
    docs.stripe.com/currencies lists: without decimals, with three, and all others with two. ISK
    and UGX have no decimals and are given with two all the same; HUF and TWD have two, but for
    payouts.
-#}
{% macro stripe_money(amount, currency) -%}
    {%- set without_decimals = [
        'bif', 'clp', 'djf', 'gnf', 'jpy', 'kmf', 'krw', 'mga', 'pyg', 'rwf', 'vnd', 'vuv', 'xaf',
        'xof', 'xpf',
    ] -%}
    {%- set with_three = ['bhd', 'jod', 'kwd', 'omr', 'tnd'] -%}
    try_cast(
        case
            when lower({{ currency }}) in ('{{ without_decimals | join("', '") }}')
                then cast({{ amount }} as decimal(22, 3))
            when lower({{ currency }}) in ('{{ with_three | join("', '") }}')
                then cast({{ amount }} as decimal(18, 0)) * cast(0.001 as decimal(3, 3))
            else cast({{ amount }} as decimal(18, 0)) * cast(0.01 as decimal(3, 2))
        end as decimal(18, 2)
    )
{%- endmacro %}
