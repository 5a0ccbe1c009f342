{#-
    `column` of the ledger with each of the `values` that the settings name (theirs -> ours)
    replaced by ours. Only text has them: a column of another `ledger_type` was captured in our
    values already.
-#}
{% macro in_our_values(column, ledger_type, values) -%}
    {%- if values and ledger_type | lower in ['string', 'text', 'varchar'] -%}
    case trim({{ column }})
        {%- for theirs, ours in values.items() %}
        when '{{ theirs | replace("'", "''") }}' then '{{ ours | replace("'", "''") }}'
        {%- endfor %}
        else {{ column }}
    end
    {%- else -%}
    {{ column }}
    {%- endif -%}
{%- endmacro %}
