{#-
    What one unit costs by `price` in `currency`, in minor units: the price's own amount where this
    is its currency, else its option for the currency; NULL where it has none, or none was captured.
-#}
{% macro duckdb__stripe_unit_amount(price, currency) -%}
    {%- set option = price ~ ".currency_options, '$.' || lower(" ~ currency ~ ") || " -%}
    case
        when {{ price }}.currency = lower({{ currency }})
            then coalesce({{ price }}.unit_amount_decimal, {{ price }}.unit_amount)
        else cast(
            coalesce(
                json_extract_string({{ option }}'.unit_amount_decimal'),
                json_extract_string({{ option }}'.unit_amount')
            ) as decimal(30, 12)
        )
    end
{%- endmacro %}
