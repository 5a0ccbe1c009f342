{#- The sum of the list `amounts`; unknown (NULL) where one of them is, or where it has none. -#}
{% macro stripe_sum(amounts) -%}
    case
        when not array_contains({{ elements_as(amounts, 'amount', 'amount is null') }}, true)
            then {{ elements_summed(amounts) }}
    end
{%- endmacro %}
