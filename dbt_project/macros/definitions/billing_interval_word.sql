{#- The word for the unit of a billing interval in `words`, without the number before it. -#}
{% macro billing_interval_word(words) -%}
    case
        when try_cast(split_part({{ words }}, ' ', 1) as integer) is not null
            then split_part({{ words }}, ' ', 2)
        else {{ words }}
    end
{%- endmacro %}
