-- Invariants of calibration that do not hold.
{{ broken_invariants([
    'calibration_adds_up_over_bands',
]) }}
