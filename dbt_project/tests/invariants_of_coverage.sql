-- Invariants of coverage that do not hold.
{{ broken_invariants([
    'coverage_agrees_with_the_daily_pipeline',
    'coverage_equals_the_history_on_sample_days',
    'coverage_has_four_quarters_on_every_day',
    'coverage_ratios_fit_their_amounts',
    'generation_equals_created_movements',
    'nothing_is_expected_of_all_where_a_segment_has_no_share',
]) }}
