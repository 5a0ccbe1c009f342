-- Rows of fx_rates.csv that cannot be what was meant.
{{ definition_problems(
    'fx_rates',
    key=['currency_code'],
    types={'rate_to_base': 'decimal(18, 10)'},
    required=['currency_code', 'rate_to_base'],
    rules={
        'rate_to_base > 0': 'a rate is above 0',
        "upper(currency_code) <> '" ~ var('base_currency') ~ "' or rate_to_base = 1":
            'the base currency is worth 1 of itself',
        "currency_code like '___'": 'a currency code has three letters',
    },
) }}
