-- Invariants of pipeline that do not hold.
{{ broken_invariants([
    'booking_movements_close_the_bridge',
    'daily_pipeline_equals_the_history_on_sample_days',
    'every_day_has_its_pipeline',
    'pipeline_movements_close_the_bridge',
    'restatements_add_up',
    'the_waterfall_closes_each_week',
    'transfers_net_to_zero',
]) }}
