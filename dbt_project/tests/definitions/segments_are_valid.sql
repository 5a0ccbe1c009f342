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
        ~ " or try_cast(rule_value as decimal(38, 6)) is not null":
            'a comparison of size needs a number as rule_value',
        "segment not in ('(all)', '(unassigned)')": 'the name means something else',
    },
) }}
