{#-
    `part` of `parts` (whole numbers above zero) of `amount`, exact and rounded half away from zero
    to cents. As rounded_share, and several times as fast on DuckDB, which does without its widest
    integers where the amount is below ten billion and there are fewer than a million parts.
-#}
{% macro rounded_part(amount, part, parts) -%}
    {{ adapter.dispatch('rounded_part')(amount, part, parts) }}
{%- endmacro %}

{% macro default__rounded_part(amount, part, parts) -%}
    {{ rounded_share(amount, part, parts) }}
{%- endmacro %}

{% macro duckdb__rounded_part(amount, part, parts) -%}
    case
        when abs({{ amount }}) < 10000000000 and {{ parts }} < 1000000
            then cast(
                sign({{ amount }}) * (
                    (2 * cast(abs({{ amount }}) * 100 as bigint) * ({{ part }}) + ({{ parts }}))
                    // (2 * ({{ parts }}))
                ) * 0.01 as decimal(18, 2)
            )
        else {{ rounded_share(amount, part, parts) }}
    end
{%- endmacro %}
