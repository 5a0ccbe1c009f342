{#-
    The rows of the governed definition `name`, in the columns and types of the calling model's
    contract. Definitions are loaded as text, so that a value that does not parse is named by a
    test and not by a stack trace; blank is NULL, a column that the file leaves out is NULL, and a
    blank valid_from is the beginning of time.
-#}
{% macro definition_rows(name) -%}
    {%- set relation = ref(name) -%}
    {%- set found = [] -%}
    {%- if execute and load_relation(relation) is not none -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do found.append(column.name) -%}
        {%- endfor -%}
    {%- endif -%}
    select
        {%- for name, column in model.columns.items() %}
        {%- set value = cast_from_ledger(adapter.quote(name), 'string', column.data_type)
            if name in found else 'cast(null as ' ~ column.data_type ~ ')' %}
        {%- if name == 'valid_from' %}
        coalesce({{ value }}, {{ beginning_of_time() }}) as {{ name }}
        {%- else %}
        {{ value }} as {{ name }}
        {%- endif %}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from {{ relation }}
{%- endmacro %}
