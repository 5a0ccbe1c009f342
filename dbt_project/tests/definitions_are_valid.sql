-- Rows of governed definitions that cannot be what was meant.
{{ findings_of([
    'fiscal_calendar_is_valid',
    'fx_rates_are_valid',
    'metric_policy_is_valid',
    'mrr_policy_is_valid',
    'segments_are_valid',
    'stage_definitions_are_valid',
    'stall_rules_are_valid',
    'targets_are_valid',
]) }}
