-- Invariants of attribution that do not hold.
{{ broken_invariants([
    'attributed_amounts_are_the_amounts',
    'attribution_adds_up',
]) }}
