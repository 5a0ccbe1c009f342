{#-
    The rows of `sql` in the columns of the calling model's contract. A table of Parquet files knows
    no NOT NULL: where the contract wants a value, the query itself fails for want of one. Replaces
    dbt's own macro in Spark, which dbt calls by this name.
-#}
{% macro spark__get_select_subquery(sql) -%}
    select
        {%- for name, column in model.columns.items() %}
        {%- if 'not_null' in column.constraints | map(attribute='type') | map('string') %}
        coalesce(
            {{ name }},
            cast(raise_error('{{ model.name }}.{{ name }} is NULL') as {{ column.data_type }})
        ) as {{ name }}
        {%- else %}
        {{ name }}
        {%- endif %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from ({{ sql }}) as model_rows
{%- endmacro %}
