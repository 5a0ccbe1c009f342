{#- The day of `instant` (a UTC timestamp) in the company's time zone. -#}
{% macro business_date(instant) -%}
    {{ adapter.dispatch('business_date')(instant) }}
{%- endmacro %}

{% macro default__business_date(instant) -%}
    cast(from_utc_timestamp({{ instant }}, '{{ var("time_zone") }}') as date)
{%- endmacro %}

{% macro duckdb__business_date(instant) -%}
    cast(timezone('{{ var("time_zone") }}', timezone('UTC', {{ instant }})) as date)
{%- endmacro %}
