{#-
    A table, replaced in one statement and one transaction: whoever reads it meanwhile sees the old
    one, and so does everybody after a failure. dbt-duckdb's own builds beside it, renames both and
    drops the old one, which costs a small company more than the query. Constraints of an enforced
    contract are part of the statement.
-#}
{% materialization table, adapter='duckdb' %}

    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}

    {%- if existing is not none and not existing.is_table -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}

    {%- call statement('main') -%}
        {%- if config.get('contract').enforced -%}
            {{ get_assert_columns_equivalent(sql) }}
            create or replace table {{ target }} {{ get_table_columns_and_constraints() }};
            insert into {{ target }} {{ get_column_names() }} (
                {{ get_select_subquery(sql) }}
            );
        {%- else -%}
            create or replace table {{ target }} as (
                {{ sql }}
            );
        {%- endif -%}
    {%- endcall -%}

    {%- do adapter.commit() -%}

    {{ return({'relations': [target]}) }}

{% endmaterialization %}
