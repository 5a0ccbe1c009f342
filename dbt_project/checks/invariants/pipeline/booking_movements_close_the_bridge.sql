-- The same for closed won: what was won plus movements is not what is won.
{{ unexplained_changes('won', ref('fct_booking_movements')) }}
