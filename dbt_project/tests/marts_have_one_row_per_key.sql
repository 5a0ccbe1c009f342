-- Marts in which rows share the columns that their yml calls the grain.
{%- set marts = [
    'dim_account',
    'dim_owner',
    'rpt_pipeline_coverage',
    'rpt_pipeline_generation',
    'dim_date',
    'dim_snapshot',
    'dim_stage',
    'dim_fx_rate',
    'fct_opportunity_current',
    'fct_booking_movements',
    'fct_pipeline_daily',
    'fct_pipeline_movements',
    'rpt_pipeline_waterfall',
    'rpt_restatements',
    'dim_customer',
    'fct_mrr_monthly',
    'fct_mrr_movements',
    'fct_mrr_restatements',
    'rpt_revenue_retention',
    'fct_reconciliation_items',
    'rpt_pipeline_reconciliation',
    'dim_person',
    'fct_lifecycle_steps',
    'fct_funnel_restatements',
    'rpt_funnel_conversion',
    'fct_handoffs',
    'rpt_handoff_sla',
    'fct_attribution',
    'rpt_attribution',
    'fct_stall_signals',
    'rpt_stall_patterns',
    'fct_stage_visits',
    'rpt_forecast_accuracy',
    'rpt_pipeline_velocity',
    'rpt_stage_velocity',
    'fct_win_outcomes',
    'rpt_sales_cycle',
    'rpt_win_rate',
    'rpt_slippage',
    'rpt_score_calibration',
] %}
{%- for mart in marts %}
    {%- set node = graph.nodes['model.pipeledger.' ~ mart] if execute else {} %}
    {%- set columns = node.config.meta.grain if execute else ['1'] %}
    select
        '{{ mart }}' as check_name,
        {{ 'source' if 'source' in columns else 'cast(null as ' ~ dbt.type_string() ~ ')' }}
            as source,
        {{ finding(
            "'" ~ mart ~ ": '", 'count(*)',
            "' keys (" ~ columns | join(', ') ~ ") have more than one row, such as '",
            'min(' ~ row_text('doubled_keys') ~ ')', "'.'"
        ) }} as finding
    from (
        select {{ columns | join(', ') }}
        from {{ ref(mart) }}
        group by {{ columns | join(', ') }}
        having count(*) > 1
    ) as doubled_keys
    {{ 'group by source' if 'source' in columns else 'having count(*) > 0' }}
    {% if not loop.last %}union all{% endif %}
{%- endfor %}
