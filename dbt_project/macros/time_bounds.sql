{#- The days that stand for 'from the beginning' and 'until further notice' in every interval. -#}
{% macro beginning_of_time() -%} cast('1900-01-01' as date) {%- endmacro %}

{% macro end_of_time() -%} cast('9999-12-31' as date) {%- endmacro %}
