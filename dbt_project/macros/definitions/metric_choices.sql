{#-
    The choices that the models know, as {choice: {data_type, default, holds (what its value must
    fulfil), says (what that is called)}}. metric_policy.csv says which values are in force, and
    each choice is a column of int_metric_policy.
-#}
{% macro metric_choices() -%}
    {{ return({
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
        'mature_open_share': {
            'data_type': 'decimal(9, 6)',
            'default': '0.05',
            'holds': 'coalesce(try_cast(value as decimal(9, 6)) between 0 and 1, false)',
            'says': 'share from 0 to 1',
        },
        'restatement_days': {
            'data_type': 'string',
            'default': '0|7|30|60|92|182|365',
            'holds': is_list_of_whole_numbers('value'),
            'says': 'short list of whole numbers, such as 30|60',
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
    }) }}
{%- endmacro %}
