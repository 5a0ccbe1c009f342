{#-
    `amount` x `rate` x `numerator` / `denominator` to cents, exact, rounded half away from zero
    once: every factor is made a whole number first (an amount has two decimals, a rate ten), and
    whole numbers are divided. NULL where the result has more digits than money can have.
-#}
{% macro monthly_amount(amount, rate, numerator, denominator) -%}
    {{ adapter.dispatch('monthly_amount')(amount, rate, numerator, denominator) }}
{%- endmacro %}

{% macro default__monthly_amount(amount, rate, numerator, denominator) -%}
    {%- set whole_amount = 'cast(2 * abs(' ~ amount ~ ') * 100 as decimal(38, 0))' -%}
    {%- set whole_rate = 'cast((' ~ rate ~ ') * 10000000000 as decimal(38, 0))' -%}
    {%- set whole -%}
        try_add(
            try_multiply(try_multiply({{ whole_amount }}, {{ whole_rate }}), {{ numerator }}),
            10000000000 * {{ denominator }}
        )
    {%- endset -%}
    case
        when {{ whole }} < cast(2e28 as decimal(38, 0)) * {{ denominator }}
            then cast(
                cast(sign({{ amount }}) as integer)
                * ({{ whole }} div (20000000000 * {{ denominator }}))
                * cast(0.01 as decimal(3, 2)) as decimal(18, 2)
            )
    end
{%- endmacro %}

{% macro duckdb__monthly_amount(amount, rate, numerator, denominator) -%}
    try(cast(
        cast(
            sign({{ amount }}) * (
                (
                    2 * abs(cast(cast({{ amount }} as decimal(38, 2)) * 100 as hugeint))
                    * cast(cast({{ rate }} as decimal(38, 10)) * 10000000000 as hugeint)
                    * {{ numerator }}
                    + cast(10000000000 as hugeint) * {{ denominator }}
                ) // (cast(20000000000 as hugeint) * {{ denominator }})
            ) as decimal(38, 0)
        ) * cast(0.01 as decimal(2, 2)) as decimal(18, 2)
    ))
{%- endmacro %}
