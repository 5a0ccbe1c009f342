-- Invariants of the funnel that do not hold.
{{ broken_invariants([
    'business_hours_are_part_of_all_hours',
    'funnels_add_up',
    'handoffs_add_up',
    'linked_records_are_one_person',
]) }}
