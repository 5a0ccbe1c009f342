{#-
    The rows of the seed `model` (`agate_table`, all of whose columns are text) in Spark. Replaces
    dbt-spark's own macro, which dbt calls by this name: that one breaks on an apostrophe, and makes
    the text `None` of a blank.
-#}
{% macro spark__load_csv_rows(model, agate_table) -%}
    {%- for rows in agate_table.rows | batch(1000) -%}
        {%- set sql -%}
            insert into {{ this }}
            values
            {%- for row in rows %}
            (
                {%- for value in row -%}
                {%- if value is none -%}
                    cast(null as string)
                {%- else -%}
                    '{{ value | string | replace("\\", "\\\\") | replace("'", "\\'") }}'
                {%- endif -%}
                {{ ', ' if not loop.last }}
                {%- endfor -%}
            )
            {{- ',' if not loop.last }}
            {%- endfor %}
        {%- endset -%}
        {%- do adapter.add_query(sql, abridge_sql_log=true) -%}
    {%- endfor -%}
    {{ return('insert into ' ~ this) }}
{%- endmacro %}
