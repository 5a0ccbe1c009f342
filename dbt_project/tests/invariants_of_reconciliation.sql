-- Invariants of the reconciliation of teams' numbers that do not hold.
{{ broken_invariants([
    'reconciliations_end_at_the_teams_number',
]) }}
