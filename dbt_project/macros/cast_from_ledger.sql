{#-
    A ledger column as one of our types. Governed columns have it already. One that was mapped later is text in
    the ledger, and a value that does not fit becomes NULL here (the test values_fit_their_types counts those).
    Empty text is missing.
-#}
{% macro cast_from_ledger(column, ledger_type, data_type) -%}
    {%- set from_text = ledger_type | upper in ['VARCHAR', 'STRING', 'TEXT'] -%}
    {%- set wanted = data_type | lower -%}
    {%- if from_text and wanted == 'string' -%}
        nullif({{ column }}, '')
    {%- elif from_text and wanted == 'timestamp' -%}
        {{ instant_from_text('trim(' ~ column ~ ')') }}
    {%- elif from_text -%}
        try_cast(nullif(trim({{ column }}), '') as {{ data_type }})
    {%- elif wanted == 'string' -%}
        cast({{ column }} as {{ data_type }})
    {%- else -%}
        try_cast({{ column }} as {{ data_type }})
    {%- endif -%}
{%- endmacro %}
