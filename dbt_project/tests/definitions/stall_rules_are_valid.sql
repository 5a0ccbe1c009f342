-- Rows of stall_rules.csv that cannot be what was meant.
{{ definition_problems(
    'stall_rules',
    key=['rule', 'segment', 'stage'],
    types={'threshold': 'decimal(18, 4)', 'is_enabled': 'boolean'},
    required=['rule', 'segment', 'stage', 'is_enabled'],
    accepted={'rule': stall_rules()},
    rules={
        'threshold >= 0': 'a threshold is not negative',
        "rule = 'missing_next_step' or threshold is not null": 'the rule needs a threshold',
    },
) }}
