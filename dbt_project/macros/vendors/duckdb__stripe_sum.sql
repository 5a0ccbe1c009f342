{#- The sum of the list `amounts`; unknown (NULL) where one of them is, or where it has none. -#}
{% macro duckdb__stripe_sum(amounts) -%}
    case
        when len(list_filter({{ amounts }}, lambda a: a is null)) = 0 then list_sum({{ amounts }})
    end
{%- endmacro %}
