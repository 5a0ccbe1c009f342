-- Rows of segments.csv that cannot be what was meant.
{{ definition_problems(
    'segments',
    key=['segment', 'rule_column', 'rule_operator', 'rule_value'],
    types={'priority': 'integer'},
    required=['segment', 'rule_column', 'rule_operator', 'priority'],
    accepted={
        'rule_column': [
            'account_id', 'account_name', 'segment', 'industry', 'region', 'employee_count',
            'parent_account_id', 'owner_id', 'website', 'billing_customer_id', 'is_target_account',
        ],
        'rule_operator': ['=', '!=', '<', '<=', '>', '>=', 'in', 'is_null'],
    },
    rules={
        "rule_operator = 'is_null' or rule_value is not null":
            'the rule has nothing to compare with',
        "rule_operator not in ('<', '<=', '>', '>=')"
        ~ " or " ~ cast_from_ledger('rule_value', 'string', 'decimal(38, 6)') ~ " is not null":
            'a comparison of size needs a number as rule_value',
        "rule_operator not in ('<', '<=', '>', '>=') or not "
        ~ reading_of('is_unsure') ~ "(rule_value)":
            'rule_value could be in thousands or a decimal number: write 5000, or 5.0',
        "segment not in ('(all)', '(unassigned)')": 'the name means something else',
    },
) }}
