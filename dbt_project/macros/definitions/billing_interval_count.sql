{#-
    How many units a billing interval has: 3 of `quarterly`, 2 of `2 weeks`. `words` and `word` are
    columns that hold billing_interval_words and billing_interval_word.
-#}
{% macro billing_interval_count(words, word) -%}
    coalesce(
        try_cast(split_part({{ words }}, ' ', 1) as integer), 1
    ) * case
        when {{ word }} like 'quart%' or {{ word }} like 'viertelj%' then 3
        when {{ word }} like 'semiannual%' or {{ word }} like 'half%' or {{ word }} like 'halbj%'
            then 6
        when {{ word }} like 'biennial%' then 2
        else 1
    end
{%- endmacro %}
