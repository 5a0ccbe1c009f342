{#-
    Whether `value` is one of the values of `list`, which `|` separates; capitals and blanks around
    it do not matter. NULL where either is.
-#}
{% macro is_listed(value, list) -%}
    {{ dbt.position(
        "'|' || lower(trim(" ~ value ~ ")) || '|'", "'|' || lower(" ~ list ~ ") || '|'"
    ) }} > 0
{%- endmacro %}
