{#- How many units a billing interval has in `text`: 3 of `quarterly`, 2 of `every 2 weeks`. -#}
{% macro billing_interval_count(text) -%}
    {%- set word = billing_interval_word(text) -%}
    coalesce(
        try_cast(split_part({{ billing_interval_words(text) }}, ' ', 1) as integer), 1
    ) * case
        when {{ word }} like 'quart%' or {{ word }} like 'viertelj%' then 3
        when {{ word }} like 'semiannual%' or {{ word }} like 'half%' or {{ word }} like 'halbj%'
            then 6
        when {{ word }} like 'biennial%' then 2
        else 1
    end
{%- endmacro %}
