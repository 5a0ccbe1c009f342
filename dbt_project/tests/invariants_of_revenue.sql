-- Invariants of revenue that do not hold.
{{ broken_invariants([
    'mrr_is_above_zero_or_not_known',
    'mrr_movements_explain_every_change',
    'one_account_has_one_parent_at_a_time',
    'parents_pay_what_their_customers_pay',
    'restated_revenue_is_that_of_retention',
    'retention_bridges_close',
    'retention_rates_are_within_bounds',
    'who_leaves_a_segment_arrives_in_another',
]) }}
