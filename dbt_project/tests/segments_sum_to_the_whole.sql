-- Measures that reports call additive (`meta: {additive: [...]}` in their yml) and whose segments
-- do not sum to the row `(all)`. A cell in which one of them is not known (NULL) has no sum.
{%- set reports = [
    'rpt_pipeline_coverage',
    'rpt_pipeline_generation',
    'rpt_pipeline_waterfall',
    'rpt_restatements',
    'rpt_revenue_retention',
    'rpt_funnel_conversion',
    'rpt_handoff_sla',
    'rpt_attribution',
    'rpt_stall_patterns',
    'rpt_pipeline_velocity',
    'rpt_stage_velocity',
    'rpt_win_rate',
    'rpt_sales_cycle',
    'rpt_slippage',
    'rpt_forecast_accuracy',
    'rpt_score_calibration',
] %}
{%- for report in reports %}
    {%- set meta = graph.nodes['model.pipeledger.' ~ report].config.meta if execute else {} %}
    {%- set place = meta.get('grain', ['1']) | reject('equalto', 'segment') | list %}
    {%- set measures = meta.get('additive', ['1']) %}
    {%- set named = [] %}
    {%- for measure in measures %}
        {%- do named.append(
            "case when count(*) filter (where sum_" ~ loop.index ~ " <> 0) > 0 then ' "
            ~ measure ~ "' else '' end"
        ) %}
    {%- endfor %}
    select
        '{{ report }}' as check_name,
        {{ sole_source(
            ref('int_subscriptions' if report == 'rpt_revenue_retention' else 'int_sources')
        ) }} as source,
        {{ finding(
            "'" ~ report ~ ": the segments do not sum to (all) in '", 'count(*)',
            "' cells (" ~ place | join(', ') ~ "):'", named | join(' || '), "'.'"
        ) }} as finding
    from (
        select
            {%- for measure in measures %}
                case
                    when count({{ measure }}) = count(*)
                        then sum(case when segment = '(all)' then -1 else 1 end * {{ measure }})
                end as sum_{{ loop.index }},
            {%- endfor %}
            count(*) as row_count
        from {{ ref(report) }}
        where {{ meta.get('additive_where', 'true') }}
        group by {{ place | join(', ') }}
    ) as cells
    where
        {%- for measure in measures %}
            sum_{{ loop.index }} <> 0 or
        {%- endfor %}
        false
    having count(*) > 0
    {% if not loop.last %}union all{% endif %}
{%- endfor %}
