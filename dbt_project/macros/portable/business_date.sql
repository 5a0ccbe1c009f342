{#-
    The day of `instant` (a UTC timestamp) in the company's time zone. Where that is UTC, no clock
    needs to be asked, which costs most of reading a touch.
-#}
{% macro business_date(instant) -%}
    {{ adapter.dispatch('business_date')(instant) }}
{%- endmacro %}

{% macro default__business_date(instant) -%}
    cast(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}') as date)
{%- endmacro %}

{% macro duckdb__business_date(instant) -%}
    {%- if var('time_zone') == 'UTC' -%}
    cast({{ instant }} as date)
    {%- else -%}
    cast(timezone('{{ var("time_zone") }}', timezone('UTC', {{ instant }})) as date)
    {%- endif -%}
{%- endmacro %}
