{#-
    The unit of a billing interval that `word` (billing_interval_word) says in the words of exports:
    `year` of `annual`, `month` of `quarterly`; billing_interval_count says how many. What has no
    unit that we know keeps its words, and no price is made of it.
-#}
{% macro billing_interval(word) -%}
    case
        when {{ word }} in (
            'month', 'months', 'monthly', 'mo', 'monat', 'monate', 'monatlich', 'quarter',
            'quarters', 'quarterly', 'quartal', 'vierteljährlich', 'vierteljaehrlich',
            'semiannual', 'semiannually', 'halfyear', 'halfyearly', 'halbjährlich', 'halbjaehrlich'
        ) then 'month'
        when {{ word }} in (
            'year', 'years', 'yearly', 'yr', 'annual', 'annually', 'annum', 'jahr', 'jahre',
            'jährlich', 'jaehrlich', 'biennial', 'biennially'
        ) then 'year'
        when {{ word }} in ('week', 'weeks', 'weekly', 'woche', 'wochen', 'wöchentlich')
            then 'week'
        when {{ word }} in ('day', 'days', 'daily', 'tag', 'tage', 'täglich') then 'day'
        else {{ word }}
    end
{%- endmacro %}
