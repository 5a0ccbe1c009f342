{#-
    `column` of the ledger, whose type there is `ledger_type`, as `data_type`, one of ours; as an id
    where it `is_id`. Governed columns have our type already. One that was mapped later is text in
    the ledger, and is read here as capture reads text: by functions that the cache brings along
    (snapshots/casts.py). `dialect` is that of the source: {readings: the name of its functions,
    is_unsure: whether nobody said what a point in a number means}; nothing where it writes plainly.
    A value that does not fit becomes NULL (values_that_do_not_fit_their_types counts those), and
    blank text is missing. A contract's `string` arrives here under the engine's own name.
-#}
{% macro cast_from_ledger(column, ledger_type, data_type, is_id=false, dialect={}) -%}
    {%- set text_types = ['string', 'text', 'varchar'] -%}
    {%- set have = ledger_type | lower | replace(' ', '') -%}
    {%- set wanted = data_type | lower | replace(' ', '') -%}
    {%- set is_text = have in text_types -%}
    {%- set text = column if is_text else 'cast(' ~ column ~ ' as ' ~ dbt.type_string() ~ ')' -%}
    {%- set readings = {
        'date': 'read_date',
        'timestamp': 'read_instant',
        'boolean': 'read_flag',
        'bigint': 'read_count',
        'integer': 'read_count',
        'decimal(9,6)': 'read_rate',
    } -%}
    {%- set name = ('read_id' if is_id else 'read_text') if wanted in text_types
        else readings.get(wanted, 'read_number') -%}
    {%- set reading = reading_of(name, dialect if is_text else {}) -%}
    {%- if have == wanted and not is_text -%}
        {{ column }}
    {%- elif have == 'timestamp' and wanted == 'date' -%}
        {{ business_date(column) }}
    {%- elif name == 'read_text' and not is_text -%}
        {{ text }}
    {%- elif name in ['read_date', 'read_instant'] -%}
        {{ reading }}({{ text }}, '{{ var("time_zone") }}')
    {%- elif name in ['read_text', 'read_id', 'read_flag'] -%}
        {{ reading }}({{ text }})
    {%- elif is_text and dialect.is_unsure and name != 'read_rate' -%}
        case
            when
                {{ reading_of('is_unsure', dialect) }}({{ text }})
                and not {{ has_decimal_points(text, dialect) }}
                then null
            else try_cast({{ reading }}({{ text }}) as {{ data_type }})
        end
    {%- else -%}
        try_cast({{ reading }}({{ text }}) as {{ data_type }})
    {%- endif -%}
{%- endmacro %}
