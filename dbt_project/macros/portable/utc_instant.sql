{#-
    The instant (UTC) at which clocks in the company's time zone show `local_time`: of two, where
    clocks go back, the later. Spark's own function gives the earlier, so it is asked for the offset
    that is in force half a day later, and that counts if clocks show `local_time` by it, too.
-#}
{% macro utc_instant(local_time) -%}
    {{ adapter.dispatch('utc_instant')(local_time) }}
{%- endmacro %}

{% macro default__utc_instant(local_time) -%}
    {%- set zone = "'" ~ var('time_zone') ~ "'" -%}
    {%- set shown = 'cast(' ~ local_time ~ ' as timestamp)' -%}
    {%- set first = 'to_utc_timestamp(' ~ shown ~ ', ' ~ zone ~ ')' -%}
    {%- set after = '(' ~ first ~ ' + interval 12 hours)' -%}
    {%- set offset = '(from_utc_timestamp(' ~ after ~ ', ' ~ zone ~ ') - ' ~ after ~ ')' -%}
    case
        when from_utc_timestamp({{ shown }} - {{ offset }}, {{ zone }}) = {{ shown }}
            then {{ shown }} - {{ offset }}
        else {{ first }}
    end
{%- endmacro %}

{% macro duckdb__utc_instant(local_time) -%}
    timezone('UTC', timezone('{{ var("time_zone") }}', cast({{ local_time }} as timestamp)))
{%- endmacro %}
