{#- How often a billing `interval` comes in twelve months, as revenue is counted. -#}
{% macro intervals_in_twelve_months(interval) -%}
    case {{ interval }}
        when 'month' then 12
        when 'year' then 1
        when 'week' then 52
        when 'day' then 365
    end
{%- endmacro %}
