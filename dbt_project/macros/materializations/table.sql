{#-
    A table, replaced in one statement and one transaction: whoever reads it meanwhile sees the old
    one, and so does everybody after a failure. dbt-duckdb's own builds beside it, renames both and
    drops the old one, which costs a small company more than the query. Constraints of an enforced
    contract are part of the statement. A single statement is a transaction by itself and needs
    none around it. A model without a contract must not query while it is rendered: dbt opens a
    transaction for that, which nothing would commit.
-#}
{% materialization table, adapter='duckdb' %}

    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- set is_other = existing is not none and not existing.is_table -%}

    {%- if is_other -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}

    {%- call statement('main', auto_begin=has_contract) -%}
        {%- if has_contract -%}
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

    {%- if has_contract or is_other -%}
        {%- do adapter.commit() -%}
    {%- endif -%}

    {{ return({'relations': [target]}) }}

{% endmaterialization %}
