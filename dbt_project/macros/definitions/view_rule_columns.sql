{#-
    What a rule of pipeline_views.csv may look at, as {column: kind}: columns of
    fct_opportunity_history, each compared as text, number or date.
-#}
{% macro view_rule_columns() -%}
    {{ return({
        'pipeline': 'text',
        'stage': 'text',
        'source_stage': 'text',
        'stage_category': 'text',
        'segment': 'text',
        'opportunity_type': 'text',
        'forecast_category': 'text',
        'lead_source': 'text',
        'next_step': 'text',
        'owner_id': 'text',
        'account_id': 'text',
        'opportunity_id': 'text',
        'source': 'text',
        'currency_code': 'text',
        'close_fiscal_quarter': 'text',
        'stage_order': 'number',
        'amount': 'number',
        'source_amount': 'number',
        'source_probability': 'number',
        'stage_probability': 'number',
        'close_date': 'date',
        'created_date': 'date',
    }) }}
{%- endmacro %}
