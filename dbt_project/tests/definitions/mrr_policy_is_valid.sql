-- Rows of mrr_policy.csv that cannot be what was meant.
{{ definition_problems(
    'mrr_policy',
    key=['choice'],
    required=['choice', 'value'],
    accepted={
        'choice': [
            'discounts', 'past_due', 'unpaid', 'trial_of_payer', 'churn_date', 'renewal_grace_days',
        ],
    },
    rules={
        "choice <> 'discounts' or value in ('recurring', 'none')": 'the value is recurring or none',
        "choice not in ('past_due', 'unpaid', 'trial_of_payer') or value in ('counts', 'excluded')":
            'the value is counts or excluded',
        "choice <> 'churn_date' or value in ('ended', 'cancelled')":
            'the value is ended or cancelled',
        "choice <> 'renewal_grace_days' or " ~ is_whole_number('value', 0, 366):
            'the value is a whole number of days from 0 to 366',
    },
) }}
