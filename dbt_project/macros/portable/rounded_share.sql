{#-
    `amount` x `numerator` / `denominator`, exact and rounded half away from zero to cents; NULL
    where the denominator is 0. Computed in whole cents, because DuckDB divides decimals as
    doubles: twice the quotient's numerator plus one denominator, over twice the denominator, cut
    off.
-#}
{% macro rounded_share(amount, numerator, denominator) -%}
    {{ adapter.dispatch('rounded_share')(amount, numerator, denominator) }}
{%- endmacro %}

{% macro default__rounded_share(amount, numerator, denominator) -%}
    cast(
        cast(
            sign({{ amount }}) * sign({{ numerator }}) * sign({{ denominator }}) as integer
        ) * (
            (
                2 * abs(cast(({{ amount }}) * 100 as decimal(38, 0)))
                * abs(cast(({{ numerator }}) * 100 as decimal(38, 0)))
                + abs(cast(({{ denominator }}) * 100 as decimal(38, 0)))
            ) div nullif(2 * abs(cast(({{ denominator }}) * 100 as decimal(38, 0))), 0)
        ) * 0.01 as decimal(18, 2)
    )
{%- endmacro %}

{% macro duckdb__rounded_share(amount, numerator, denominator) -%}
    cast(
        sign({{ amount }}) * sign({{ numerator }}) * sign({{ denominator }}) * cast(
            (
                2 * abs(cast({{ amount }} * 100 as hugeint))
                * abs(cast({{ numerator }} * 100 as hugeint))
                + abs(cast({{ denominator }} * 100 as hugeint))
            ) // nullif(2 * abs(cast({{ denominator }} * 100 as hugeint)), 0) as decimal(36, 0)
        ) * 0.01 as decimal(18, 2)
    )
{%- endmacro %}
