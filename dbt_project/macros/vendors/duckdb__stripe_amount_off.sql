{#-
    What `coupon` takes off in `currency`, in minor units; NULL where it is a percentage or unknown.
-#}
{% macro duckdb__stripe_amount_off(coupon, currency) -%}
    case
        when {{ coupon }}.currency = {{ currency }} then {{ coupon }}.amount_off
        else cast(
            json_extract_string(
                {{ coupon }}.currency_options, '$.' || {{ currency }} || '.amount_off'
            ) as decimal(18, 0)
        )
    end
{%- endmacro %}
