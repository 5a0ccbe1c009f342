-- Invariants of opportunities that do not hold.
{{ broken_invariants([
    'durations_and_counts_are_not_negative',
    'every_opportunity_in_history_is_current_or_gone',
    'history_covers_every_captured_state',
    'history_has_one_row_per_version',
    'holes_in_the_history_are_absences',
    'versions_neither_overlap_nor_are_empty',
]) }}
