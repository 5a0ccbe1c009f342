{#- The instant (UTC) at which clocks in the company's time zone show `local_time`. -#}
{% macro utc_instant(local_time) -%}
    {{ adapter.dispatch('utc_instant')(local_time) }}
{%- endmacro %}

{% macro default__utc_instant(local_time) -%}
    to_utc_timestamp({{ local_time }}, '{{ var("time_zone") }}')
{%- endmacro %}

{% macro duckdb__utc_instant(local_time) -%}
    timezone('UTC', timezone('{{ var("time_zone") }}', cast({{ local_time }} as timestamp)))
{%- endmacro %}
