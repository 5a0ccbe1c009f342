{#-
    The columns that make a version of an opportunity's history, besides its amount and its interval. With `only`,
    the others are NULL (an opportunity that does not exist has nothing but its id).
-#}
{% macro history_column_types() -%}
    {{ return({
        'source': dbt.type_string(),
        'opportunity_id': dbt.type_string(),
        'account_id': dbt.type_string(),
        'owner_id': dbt.type_string(),
        'existence': dbt.type_string(),
        'origin': dbt.type_string(),
        'pipeline': dbt.type_string(),
        'stage': dbt.type_string(),
        'source_stage': dbt.type_string(),
        'stage_order': 'integer',
        'stage_category': dbt.type_string(),
        'segment': dbt.type_string(),
        'opportunity_type': dbt.type_string(),
        'forecast_category': dbt.type_string(),
        'lead_source': dbt.type_string(),
        'next_step': dbt.type_string(),
        'close_fiscal_quarter': dbt.type_string(),
        'source_amount': 'decimal(18, 2)',
        'currency_code': dbt.type_string(),
        'stage_probability': 'decimal(9, 6)',
        'close_date': 'date',
        'created_date': 'date',
    }) }}
{%- endmacro %}

{% macro history_columns(relation, only=none) -%}
    {%- for name, type in history_column_types().items() %}
        {%- if only is none or name in only -%}
            {{ relation }}.{{ name }}
        {%- else -%}
            cast(null as {{ type }}) as {{ name }}
        {%- endif -%}
        {%- if not loop.last %},
        {% endif -%}
    {%- endfor -%}
{%- endmacro %}
