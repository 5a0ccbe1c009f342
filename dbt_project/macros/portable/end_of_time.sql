{#- The day that stands for 'until further notice' in every interval. -#}
{% macro end_of_time() -%} cast('9999-12-31' as date) {%- endmacro %}
