{#-
    The words of pipeline_views.csv that change what is counted instead of filtering it, as
    {word: [the values it may take]}.
-#}
{% macro view_rule_words() -%}
    {{ return({
        'population': ['due', 'created', 'any_quarter'],
        'amount_basis': ['amount', 'weighted', 'expected', 'at_creation'],
        'day': ['last_monday'],
    }) }}
{%- endmacro %}
