{#-
    The stall rules that the models know; stall_rules.csv says which are in force, and from which
    threshold on.
-#}
{% macro stall_rules() -%}
    {{ return([
        'age_in_stage',
        'no_change',
        'close_date_pushed',
        'past_due',
        'no_activity',
        'missing_next_step',
        'few_contacts',
    ]) }}
{%- endmacro %}
