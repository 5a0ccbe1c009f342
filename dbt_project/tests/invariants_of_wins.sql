-- Invariants of wins that do not hold.
{{ broken_invariants([
    'sales_cycle_shares_add_up_and_never_fall',
    'win_rates_add_up_and_are_shares',
    'wins_agree_with_coverage',
]) }}
