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
    {%- set by_later_offset -%}
        to_utc_timestamp({{ shown }} + interval 12 hours, {{ zone }}) - interval 12 hours
    {%- endset -%}
    case
        when from_utc_timestamp({{ by_later_offset }}, {{ zone }}) = {{ shown }}
            then {{ by_later_offset }}
        else to_utc_timestamp({{ shown }}, {{ zone }})
    end
{%- endmacro %}

{% macro duckdb__utc_instant(local_time) -%}
    timezone('UTC', timezone('{{ var("time_zone") }}', cast({{ local_time }} as timestamp)))
{%- endmacro %}
