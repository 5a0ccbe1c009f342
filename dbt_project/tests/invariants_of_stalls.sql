-- Invariants of stalls that do not hold.
{{ broken_invariants([
    'pushes_are_counted_alike',
    'visits_last_and_rates_are_shares',
]) }}
