{#-
    Seconds of business hours before `instant` (UTC), where `day` is the row of int_business_days
    of its business date.
-#}
{% macro open_seconds(instant, day) -%}
    {{ day }}.seconds_before + case
        when {{ day }}.open_seconds > 0
            then
                greatest(0, least(
                    {{ day }}.open_seconds,
                    {{ dbt.datediff(day ~ '.opens_at', instant, 'second') }}
                ))
        else 0
    end
{%- endmacro %}
