{#- The day that stands for 'from the beginning' in every interval. -#}
{% macro beginning_of_time() -%} cast('1900-01-01' as date) {%- endmacro %}
