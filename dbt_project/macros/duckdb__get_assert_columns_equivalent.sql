{#-
    Raises where the query `sql` has other columns or types than the model's contract. Replaces
    dbt's own macro, which asks DuckDB for the columns of both and calls a macro for each of them.
    Most contracts call their types as DuckDB does, and one question is enough; whatever differs
    goes dbt's way, which knows other names of types too, and says what is wrong.
-#}
{% macro duckdb__get_assert_columns_equivalent(sql) -%}
    {%- set found = {} -%}
    {%- for column in adapter.get_column_schema_from_query(sql) -%}
        {%- do found.update({column.name: column.dtype | lower}) -%}
    {%- endfor -%}
    {%- set promised = {} -%}
    {%- for name, column in model.columns.items() -%}
        {%- set type = column.data_type | lower | replace(', ', ',') -%}
        {%- do promised.update({name: 'varchar' if type in ['string', 'text'] else type}) -%}
    {%- endfor -%}
    {%- if found != promised -%}
        {{ assert_columns_equivalent(sql) }}
    {%- endif -%}
{%- endmacro %}
