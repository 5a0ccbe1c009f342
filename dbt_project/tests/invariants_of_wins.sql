-- Invariants of wins that do not hold.
{{ broken_invariants([
    'win_rates_add_up_and_are_shares',
    'wins_agree_with_coverage',
]) }}
