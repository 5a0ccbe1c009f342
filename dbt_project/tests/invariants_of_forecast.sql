-- Invariants of forecasts that do not hold.
{{ broken_invariants([
    'forecasts_are_restated_by_booking_movements',
    'slippage_adds_up',
]) }}
