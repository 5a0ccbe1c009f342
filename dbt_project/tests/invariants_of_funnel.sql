-- Invariants of the funnel that do not hold.
{{ broken_invariants([
    'funnels_add_up',
    'linked_records_are_one_person',
]) }}
