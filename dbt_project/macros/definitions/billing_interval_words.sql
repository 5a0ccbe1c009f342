{#- The billing interval in `text` as a number and a unit, or a unit: no `every`, small letters. -#}
{% macro billing_interval_words(text) -%}
    replace(replace(replace(replace(replace(replace(replace(
        lower(trim({{ text }})), '-', ' '
    ), 'semi annual', 'semiannual'), 'half year', 'halfyear'), 'every ', ''), 'per ', ''),
    'alle ', ''), 'pro ', '')
{%- endmacro %}
