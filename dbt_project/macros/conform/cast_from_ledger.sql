{#-
    `column` of the ledger, whose type there is `ledger_type`, as `data_type`, one of ours.
    Governed columns have our type already. One that was mapped later is text in the ledger, and a
    value that does not fit becomes NULL here (values_that_do_not_fit_their_types counts those).
    Blank text is missing. A contract's `string` arrives here under the engine's own name.
-#}
{% macro cast_from_ledger(column, ledger_type, data_type) -%}
    {%- set text_types = ['string', 'text', 'varchar'] -%}
    {%- set from_text = ledger_type | lower in text_types -%}
    {%- set wanted = data_type | lower -%}
    {%- if from_text and wanted in text_types -%}
        nullif(trim({{ column }}), '')
    {%- elif from_text and wanted == 'timestamp' -%}
        {{ instant_from_text('trim(' ~ column ~ ')') }}
    {%- elif from_text -%}
        try_cast(nullif(trim({{ column }}), '') as {{ data_type }})
    {%- elif wanted in text_types -%}
        cast({{ column }} as {{ data_type }})
    {%- else -%}
        try_cast({{ column }} as {{ data_type }})
    {%- endif -%}
{%- endmacro %}
