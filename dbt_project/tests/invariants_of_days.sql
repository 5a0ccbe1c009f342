-- Invariants of days that do not hold.
{{ broken_invariants([
    'every_day_is_captured_or_a_gap',
]) }}
