{#-
    The instant (UTC) that `text` means: without an offset it is company time, without a time it is
    midnight.
-#}
{% macro instant_from_text(text) -%}
    {{ adapter.dispatch('instant_from_text')(text) }}
{%- endmacro %}

{% macro default__instant_from_text(text) -%}
    case
        when {{ text }} rlike ':[0-9.]+ ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)$'
            then try_cast({{ text }} as timestamp)
        else to_utc_timestamp(try_cast({{ text }} as timestamp), '{{ var("time_zone") }}')
    end
{%- endmacro %}

{% macro duckdb__instant_from_text(text) -%}
    timezone('UTC', case
        when regexp_matches({{ text }}, ':[0-9.]+ ?(Z|z|[+-][0-9]{2}(:?[0-9]{2})?)$')
            then try_cast({{ text }} as timestamptz)
        else timezone('{{ var("time_zone") }}', try_cast({{ text }} as timestamp))
    end)
{%- endmacro %}
