{#-
    How many times a `datepart` begins between `first_date` and `second_date`, as in DuckDB.
    Replaces dbt-spark's own macro, which dbt calls by this name: that one counts one month too many
    from the last day of a month to that of a shorter one, and seconds by what is left of them.
-#}
{% macro spark__datediff(first_date, second_date, datepart) -%}
    {%- if datepart == 'second' -%}
    (
        unix_seconds(cast({{ second_date }} as timestamp))
        - unix_seconds(cast({{ first_date }} as timestamp))
    )
    {%- elif datepart == 'day' -%}
    datediff({{ second_date }}, {{ first_date }})
    {%- elif datepart == 'month' -%}
    ({{ month_number(second_date) }} - {{ month_number(first_date) }})
    {%- else -%}
    {{ exceptions.raise_compiler_error(
        'spark__datediff: no unit ' ~ datepart ~ ', expected second, day or month. Write it.'
    ) }}
    {%- endif -%}
{%- endmacro %}
