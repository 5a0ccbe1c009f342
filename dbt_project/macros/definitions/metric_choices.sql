{#-
    The choices that the models know, as {choice: {data_type, default, holds (what its value must
    fulfil), says (what that is called)}}. metric_policy.csv says which values are in force, and
    each choice is a column of int_metric_policy.
-#}
{% macro metric_choices() -%}
    {{ return({
        'attribution_window_days': {
            'data_type': 'integer',
            'default': '365',
            'holds': is_whole_number('value', 0, 36600),
            'says': 'whole number of days from 0 to 36600',
        },
        'best_case_win_rate': {
            'data_type': 'decimal(9, 6)',
            'default': '0.5',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 0 and 1, false)',
            'says': 'share from 0 to 1',
        },
        'commit_win_rate': {
            'data_type': 'decimal(9, 6)',
            'default': '0.9',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 0 and 1, false)',
            'says': 'share from 0 to 1',
        },
        'coverage_pool_quarters': {
            'data_type': 'integer',
            'default': '8',
            'holds': is_whole_number('value', 1, 40),
            'says': 'whole number of quarters from 1 to 40',
        },
        'creation_mean_weeks': {
            'data_type': 'integer',
            'default': '13',
            'holds': is_whole_number('value', 1, 520),
            'says': 'whole number of weeks from 1 to 520',
        },
        'cycle_bands': {
            'data_type': 'string',
            'default': '30|60|90|180',
            'holds': is_list_of_whole_numbers('value'),
            'says': 'short list of whole numbers, such as 30|60',
        },
        'health_bands': {
            'data_type': 'string',
            'default': '50|70',
            'holds': is_list_of_whole_numbers('value')
            ~ " and length(value) - length(replace(value, '|', '')) = 1"
            ~ " and coalesce(try_cast(split_part(value, '|', 1) as decimal(38, 0))"
            ~ " < try_cast(split_part(value, '|', 2) as decimal(38, 0)), false)",
            'says': 'pair of whole numbers in ascending order, such as 50|70',
        },
        'health_score_days': {
            'data_type': 'integer',
            'default': '180',
            'holds': is_whole_number('value', 1, 3660),
            'says': 'whole number of days from 1 to 3660',
        },
        'headline_model': {
            'data_type': 'string',
            'default': 'position',
            'holds': "value in ('first', 'last', 'linear', 'position')",
            'says': 'first, last, linear or position',
        },
        'handoff_outcome_days': {
            'data_type': 'integer',
            'default': '90',
            'holds': is_whole_number('value', 1, 3660),
            'says': 'whole number of days from 1 to 3660',
        },
        'lead_score_band': {
            'data_type': 'integer',
            'default': '20',
            'holds': is_whole_number('value', 1, 1000000),
            'says': 'whole number of points from 1 to 1000000',
        },
        'lead_score_days': {
            'data_type': 'integer',
            'default': '180',
            'holds': is_whole_number('value', 0, 3660),
            'says': 'whole number of days from 0 to 3660',
        },
        'marketing_lead_sources': {
            'data_type': 'string',
            'default': 'Website|Web|Inbound|Content|Event|Webinar|Advertisement|Paid Search'
            ~ '|Paid Social|Organic Search|Organic Social|Email Marketing',
            'holds': "'|' || value || '|' not like '%||%'",
            'says': 'list such as Website|Paid Search',
        },
        'mature_open_share': {
            'data_type': 'decimal(9, 6)',
            'default': '0.05',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 0 and 1, false)',
            'says': 'share from 0 to 1',
        },
        'omitted_win_rate': {
            'data_type': 'decimal(9, 6)',
            'default': '0.0',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 0 and 1, false)',
            'says': 'share from 0 to 1',
        },
        'pipeline_win_rate': {
            'data_type': 'decimal(9, 6)',
            'default': '0.2',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 0 and 1, false)',
            'says': 'share from 0 to 1',
        },
        'restatement_days': {
            'data_type': 'string',
            'default': '0|7|30|60|92|182|365',
            'holds': is_list_of_whole_numbers('value'),
            'says': 'short list of whole numbers, such as 30|60',
        },
        'returned_status': {
            'data_type': 'string',
            'default': 'recycled|unqualified|disqualified|nurture',
            'holds': "coalesce(trim(value) <> '', false)",
            'says': 'list of statuses, such as recycled|unqualified',
        },
        'sales_cycle_days': {
            'data_type': 'string',
            'default': '30|60|90|120|180|270|365|540',
            'holds': is_list_of_whole_numbers('value'),
            'says': 'short list of whole numbers, such as 30|60',
        },
        'small_pool_opportunities': {
            'data_type': 'integer',
            'default': '20',
            'holds': is_whole_number('value', 0, 1000000),
            'says': 'whole number of opportunities from 0 to 1000000',
        },
        'small_risk_set': {
            'data_type': 'integer',
            'default': '5',
            'holds': is_whole_number('value', 0, 1000000),
            'says': 'whole number of opportunities from 0 to 1000000',
        },
        'small_sample': {
            'data_type': 'integer',
            'default': '20',
            'holds': is_whole_number('value', 0, 1000000),
            'says': 'whole number of opportunities from 0 to 1000000',
        },
        'small_sample_visits': {
            'data_type': 'integer',
            'default': '20',
            'holds': is_whole_number('value', 0, 1000000),
            'says': 'whole number of visits from 0 to 1000000',
        },
        'stale_score_days': {
            'data_type': 'integer',
            'default': '60',
            'holds': is_whole_number('value', 0, 3660),
            'says': 'whole number of days from 0 to 3660',
        },
        'stall_recovery_days': {
            'data_type': 'integer',
            'default': '30',
            'holds': is_whole_number('value', 1, 366),
            'says': 'whole number of days from 1 to 366',
        },
        'velocity_window_days': {
            'data_type': 'integer',
            'default': '90',
            'holds': is_whole_number('value', 1, 3660),
            'says': 'whole number of days from 1 to 3660',
        },
        'volume_up_factor': {
            'data_type': 'decimal(9, 6)',
            'default': '1.25',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 1 and 100, false)',
            'says': 'factor from 1 to 100',
        },
    }) }}
{%- endmacro %}
