-- Rows of stage_definitions.csv that cannot be what was meant.
{{ definition_problems(
    'stage_definitions',
    key=['source', 'pipeline', 'stage'],
    types={'stage_order': 'integer', 'probability': 'decimal(9, 6)'},
    required=['stage', 'stage_category'],
    accepted={'stage_category': ['open', 'won', 'lost']},
    rules={
        'probability between 0 and 1': 'the probability is a share between 0 and 1',
        "stage_category <> 'open' or stage_order is not null": 'an open stage needs a stage_order',
        "coalesce(canonical_stage, stage) <> 'unmapped'":
            'the name `unmapped` means that no row covers the stage',
    },
) }}
