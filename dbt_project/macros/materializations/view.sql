{#- A view, replaced in one statement. An enforced contract is checked before. -#}
{% materialization view, adapter='duckdb' %}

    {%- set existing = load_cached_relation(this) -%}
    {%- set target = this.incorporate(type='view') -%}

    {%- if existing is not none and not existing.is_view -%}
        {%- do adapter.drop_relation(existing) -%}
    {%- endif -%}

    {%- call statement('main') -%}
        {%- if config.get('contract').enforced -%}
            {{ get_assert_columns_equivalent(sql) }}
        {%- endif %}
        create or replace view {{ target }} as (
            {{ sql }}
        );
    {%- endcall -%}

    {%- do adapter.commit() -%}

    {{ return({'relations': [target]}) }}

{% endmaterialization %}
