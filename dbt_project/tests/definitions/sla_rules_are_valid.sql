-- Rows of sla_rules.csv that cannot be what was meant.
{%- set others = namespace(text="'|' || end_evidence || '|'") %}
{%- for evidence in handoff_evidence() %}
    {%- set others.text = "replace(" ~ others.text ~ ", '|" ~ evidence ~ "|', '||')" %}
{%- endfor %}
{{ definition_problems(
    'sla_rules',
    key=['handoff', 'segment', 'clock'],
    types={'limit_hours': 'decimal(18, 4)'},
    required=['handoff', 'segment', 'start_step', 'end_evidence', 'clock'],
    accepted={
        'start_step': ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'],
        'clock': ['clock', 'business'],
    },
    rules={
        'limit_hours > 0': 'a limit is above 0 hours; blank is off',
        "replace(" ~ others.text ~ ", '|', '') = ''":
            'end_evidence lists, separated by |, some of ' ~ handoff_evidence() | join(', '),
    },
) }}
