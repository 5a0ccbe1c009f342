-- Rows of metric_policy.csv that cannot be what was meant.
{%- set choices = metric_choices() -%}
{%- set rules = {} -%}
{%- for choice, known in choices.items() -%}
    {%- do rules.update({
        "choice <> '" ~ choice ~ "' or value is null or " ~ known.holds:
            "value `' || value || '` is no " ~ known.says
    }) -%}
{%- endfor %}
{{ definition_problems(
    'metric_policy',
    key=['choice'],
    required=['choice', 'value'],
    accepted={'choice': choices.keys()},
    rules=rules,
) }}
