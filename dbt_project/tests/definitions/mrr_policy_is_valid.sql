-- Rows of mrr_policy.csv that cannot be what was meant.
{{ definition_problems(
    'mrr_policy',
    key=['choice'],
    required=['choice', 'value'],
    accepted={
        'choice': ['discounts', 'past_due', 'unpaid', 'churn_date', 'renewal_grace_days'],
    },
    rules={
        "choice <> 'discounts' or value in ('recurring', 'none')": 'the value is recurring or none',
        "choice not in ('past_due', 'unpaid') or value in ('counts', 'excluded')":
            'the value is counts or excluded',
        "choice <> 'churn_date' or value in ('ended', 'cancelled')":
            'the value is ended or cancelled',
        "choice <> 'renewal_grace_days'"
        ~ " or coalesce(try_cast(value as decimal(18, 4)) between 0 and 366"
        ~ " and try_cast(value as decimal(18, 4)) = try_cast(value as integer), false)":
            'the value is a whole number of days from 0 to 366',
    },
) }}
