-- Rows of pipeline_views.csv that cannot be what was meant.
{%- set columns = view_rule_columns() -%}
{%- set words = view_rule_words() -%}
{%- set sizes = "rule_operator in ('<', '<=', '>', '>=')" -%}
{%- set numbers = [] -%}
{%- set dates = [] -%}
{%- for column, kind in columns.items() -%}
    {%- do numbers.append(column) if kind == 'number' -%}
    {%- do dates.append(column) if kind == 'date' -%}
{%- endfor -%}
{%- set is_number = "rule_column in ('" ~ numbers | join("', '") ~ "')" -%}
{%- set is_date = "rule_column in ('" ~ dates | join("', '") ~ "')" -%}
{%- set is_word = "rule_column in ('" ~ words | join("', '") ~ "')" -%}
{%- set rules = {
    'step_order >= 1': 'step_order is 1 or more: 0 is the one pipeline number',
    "step not in ('(start)', 'unexplained')": 'the name of the step means something else',
    "rule_operator = 'is_null' or rule_value is not null":
        'the rule has nothing to compare with',
    "not " ~ is_word ~ " or rule_operator = '='":
        "rule_operator `' || rule_operator || '` is none of =: the rule says what is counted",
    "not " ~ sizes ~ " or " ~ is_number ~ " or " ~ is_date:
        "rule_column `' || rule_column || '` has no size: compare it with =, !=, in or is_null",
    "rule_operator <> 'in' or not (" ~ is_number ~ " or " ~ is_date ~ ")":
        "rule_column `' || rule_column || '` is no text: compare it with another operator than in",
    "rule_operator = 'is_null' or not " ~ is_number ~ " or ("
    ~ cast_from_ledger('rule_value', 'string', 'decimal(38, 6)') ~ " is not null and not "
    ~ reading_of('is_unsure') ~ "(rule_value))":
        "rule_value `' || rule_value || '` is no number such as 3 or 1234.56",
    "rule_operator = 'is_null' or not " ~ is_date ~ " or "
    ~ cast_from_ledger('rule_value', 'string', 'date') ~ " is not null":
        "rule_value `' || rule_value || '` is no date such as 2026-11-22",
    "rule_value not like '(%)' or (rule_value = '(marketing_lead_sources)'"
    ~ " and rule_operator = 'in') or rule_value in ('(none)', '(unassigned)')":
        "rule_value `' || rule_value || '` stands for no list: write in (marketing_lead_sources)",
} -%}
{%- for word, values in words.items() -%}
    {%- do rules.update({
        "rule_column <> '" ~ word ~ "' or rule_value in ('" ~ values | join("', '") ~ "')":
            "rule_value `' || rule_value || '` is none of " ~ values | join(', ')
    }) -%}
{%- endfor %}
{{ definition_problems(
    'pipeline_views',
    key=['team', 'step_order'],
    types={'step_order': 'integer'},
    required=['team', 'step_order', 'step', 'rule_column', 'rule_operator'],
    accepted={
        'rule_column': (words.keys() | list) + (columns.keys() | list),
        'rule_operator': ['=', '!=', '<', '<=', '>', '>=', 'in', 'is_null'],
    },
    rules=rules,
) }}
