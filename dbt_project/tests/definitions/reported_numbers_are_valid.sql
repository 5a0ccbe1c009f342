-- Rows of reported_numbers.csv that cannot be what was meant.
{{ definition_problems(
    'reported_numbers',
    key=['team', 'as_of', 'fiscal_quarter'],
    types={'as_of': 'date', 'amount': 'decimal(18, 2)'},
    required=['team', 'as_of', 'fiscal_quarter', 'amount'],
    rules={
        "fiscal_quarter like 'FY____-Q_'": 'a fiscal quarter is written like FY2026-Q3',
    },
) }}
