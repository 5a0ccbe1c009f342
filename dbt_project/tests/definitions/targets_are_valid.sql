-- Rows of targets.csv that cannot be what was meant.
{{ definition_problems(
    'targets',
    key=['fiscal_quarter', 'segment'],
    types={'target_amount': 'decimal(18, 2)'},
    required=['fiscal_quarter', 'segment', 'target_amount'],
    rules={
        "fiscal_quarter like 'FY____-Q_'": 'a fiscal quarter is written like FY2026-Q3',
        'target_amount >= 0': 'a target is not negative',
    },
) }}
