-- Cells of reports in which the segments do not add up to the row `(all)`.
{%- set reports = {
    'rpt_stage_velocity': {
        'place': ['fiscal_quarter', 'pipeline', 'stage'],
        'measures': ['visits', 'won', 'converted'],
    },
    'rpt_pipeline_velocity': {
        'place': ['month_start_date'],
        'measures': ['open_opportunities', 'won_amount'],
    },
    'rpt_stall_patterns': {
        'place': ['rule', 'stage', 'fiscal_quarter'],
        'measures': ['judged', 'stalled', 'stalled_amount'],
    },
} %}
{%- for report, terms in reports.items() %}
    select
        '{{ report }}' as report,
        cast({{ terms.place[0] }} as {{ dbt.type_string() }}) as place
    from {{ ref(report) }}
    group by {{ terms.place | join(', ') }}
    having
        {%- for measure in terms.measures %}
            sum(case when segment = '(all)' then -{{ measure }} else {{ measure }} end) <> 0
            {%- if not loop.last %} or{% endif %}
        {%- endfor %}
{%- if not loop.last %}
        union all
    {%- endif %}
{%- endfor %}
