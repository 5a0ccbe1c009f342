-- Invariants of stalls that do not hold.
{{ broken_invariants([
    'pushes_are_counted_alike',
    'segments_add_up_to_the_whole',
    'visits_last_and_rates_are_shares',
]) }}
