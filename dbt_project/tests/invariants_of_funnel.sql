-- Invariants of the funnel that do not hold.
{{ broken_invariants([
    'linked_records_are_one_person',
]) }}
