-- Rows of mrr_policy.csv that cannot be what was meant.
{{ definition_problems(
    'mrr_policy',
    key=['choice'],
    required=['choice', 'value'],
    accepted={
        'choice': ['discounts', 'past_due', 'unpaid', 'churn_date', 'renewal_grace_days'],
    },
) }}
