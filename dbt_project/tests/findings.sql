-- What is remarkable in the data; it warns, and nothing is kept from being published.
{{ findings_of([
    'accounts_that_are_above_themselves',
    'accounts_without_a_segment',
    'cancelled_subscriptions_without_an_end',
    'close_dates_outside_the_fiscal_calendar',
    'currencies_without_a_rate',
    'customers_that_could_be_several_accounts',
    'customers_without_an_account',
    'definitions_that_nothing_uses',
    'keys_spelled_in_several_ways',
    'opportunities_of_unknown_accounts',
    'opportunities_of_unknown_owners',
    'opportunities_with_several_ids_in_one',
    'probabilities_that_are_no_shares',
    'quarters_without_a_target',
    'stages_without_a_definition',
    'subscriptions_in_currencies_without_a_rate',
    'subscriptions_priced_below_zero',
    'subscriptions_without_a_price',
] + ([
    'subscriptions_priced_in_another_currency',
] if 'stripe' in configured_types() else [])) }}
