{#-
    What `coupon` takes off in `currency`, in minor units; NULL where it is a percentage or unknown.
-#}
{% macro stripe_amount_off(coupon, currency) -%}
    {%- set path = "'$.' || " ~ currency ~ " || '.amount_off'" -%}
    case
        when {{ coupon }}.currency = {{ currency }} then {{ coupon }}.amount_off
        else cast({{ json_text(coupon ~ '.currency_options', path) }} as decimal(18, 0))
    end
{%- endmacro %}
