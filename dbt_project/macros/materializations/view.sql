{#-
    A view, replaced in one statement, without a transaction around it as in table.sql. An enforced
    contract is checked before.
-#}
{% materialization view, adapter='duckdb' %}

    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='view') -%}
    {%- set has_contract = config.get('contract').enforced -%}
    {%- set is_other = existing is not none and not existing.is_view -%}

    {%- if is_other -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}

    {%- call statement('main', auto_begin=has_contract) -%}
        {%- if has_contract -%}
            {{ get_assert_columns_equivalent(sql) }}
        {%- endif %}
        create or replace view {{ target }} as (
            {{ sql }}
        );
    {%- endcall -%}

    {%- if has_contract or is_other -%}
        {%- do adapter.commit() -%}
    {%- endif -%}

    {{ return({'relations': [target]}) }}

{% endmaterialization %}
