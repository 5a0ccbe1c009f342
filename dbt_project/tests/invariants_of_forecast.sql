-- Invariants of forecast that do not hold.
{{ broken_invariants([
    'slippage_adds_up',
]) }}
