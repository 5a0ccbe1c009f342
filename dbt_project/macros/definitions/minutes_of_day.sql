{#- The minutes from midnight to a local `time` such as `09:30`; 1440 is the next midnight. -#}
{% macro minutes_of_day(time) -%}
    try_cast(split_part({{ time }}, ':', 1) as integer) * 60
    + try_cast(split_part({{ time }}, ':', 2) as integer)
{%- endmacro %}
