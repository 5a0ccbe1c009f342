-- Rows of business_hours.csv that cannot be what was meant.
{{ definition_problems(
    'business_hours',
    key=['weekday', 'date'],
    types={'date': 'date', 'is_closed': 'boolean'},
    accepted={
        'weekday': [
            'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'
        ],
    },
    rules={
        '(weekday is null) <> (date is null)': 'a row has a weekday or a date',
        'coalesce(is_closed, false) or (opens is not null and closes is not null)':
            'a day that is not closed needs opens and closes, such as 09:00 and 17:00',
        "opens is null or coalesce(opens like '__:__' and " ~ minutes_of_day('opens')
            ~ ' between 0 and 1440, false)': 'opens is a time such as 09:00',
        "closes is null or coalesce(closes like '__:__' and " ~ minutes_of_day('closes')
            ~ ' between 0 and 1440, false)': 'closes is a time such as 17:00, at most 24:00',
        minutes_of_day('opens') ~ ' < ' ~ minutes_of_day('closes'): 'it closes before it opens',
    },
) }}
