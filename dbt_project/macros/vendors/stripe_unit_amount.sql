{#-
    What one unit costs by `price` in `currency`, in minor units: the price's own amount where this
    is its currency, else its option for the currency; NULL where it has none, or none was captured.
-#}
{% macro stripe_unit_amount(price, currency) -%}
    {%- set options = price ~ '.currency_options' -%}
    {%- set option = "'$.' || lower(" ~ currency ~ ") || " -%}
    case
        when {{ price }}.currency = lower({{ currency }})
            then coalesce({{ price }}.unit_amount_decimal, {{ price }}.unit_amount)
        else cast(
            coalesce(
                {{ json_text(options, option ~ "'.unit_amount_decimal'") }},
                {{ json_text(options, option ~ "'.unit_amount'") }}
            ) as decimal(30, 12)
        )
    end
{%- endmacro %}
