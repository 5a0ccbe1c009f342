{#-
    CTEs for a model that has `numbered` (of `cohort_numbers`, with `outcome`, how a row leaves its
    cohort, and `day`, when) by `dimensions`. All rows of a cohort enter it at once.

    `totals` has a row per cohort, with a cohort_key and the sums of `sums` (whole numbers: the
    first says how many entered) and `amounts`; `risk_sets` one per cohort x day on which something
    happens, with a count of each of `outcomes` and how many were followed until then (at_risk).
-#}
{% macro cohort_counts(dimensions, outcomes, sums, amounts=[]) -%}
    {%- set cohort = ['place_number', 'value_number'] -%}
    {%- for name, days, counts in [
        ('summed', [], sums + amounts), ('happened', ['day'], outcomes)
    ] %}
    {{ name }} as (

        {%- for dimension in [none] + dimensions %}
        {%- set value = 'numbered.value_number_' ~ dimension if dimension else '1' %}
        select
            numbered.place_number,
            numbered.whole_number,
            {{ value }} as value_number,
            {%- for day in days %}
            numbered.{{ day }},
            {%- endfor %}
            {%- for count in counts %}
            {{ "count(*) filter (where numbered.outcome = '" ~ count ~ "')" if days
                else 'sum(numbered.' ~ count ~ ')' }} as {{ count }}{{ ',' if not loop.last }}
            {%- endfor %}
        from numbered
        {%- if days %}
        where numbered.outcome in ('{{ outcomes | join("', '") }}')
        {%- endif %}
        group by
            {%- if dimension %}
            {{ value }},
            {%- endif %}
            {%- for day in days %}
            numbered.{{ day }},
            {%- endfor %}
            numbered.place_number,
            numbered.whole_number
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}

    ),

    all_{{ name }} as (

        select {{ columns_of(name, cohort + days + counts) }}
        from {{ name }}
        union all
        select
            {{ columns_of(name, ['whole_number', 'value_number'] + days) }},
            {%- for count in counts %}
            sum({{ name }}.{{ count }}) as {{ count }}{{ ',' if not loop.last }}
            {%- endfor %}
        from {{ name }}
        group by {{ columns_of(name, ['whole_number', 'value_number'] + days) }}

    ),

    {%- endfor %}

    totals as (

        select
            cast(row_number() over (
                order by
                    all_summed.place_number nulls last, all_summed.value_number nulls last
            ) as integer) as cohort_key,
            {%- for sum in sums %}
            cast(all_summed.{{ sum }} as integer) as {{ sum }},
            {%- endfor %}
            {{ columns_of('all_summed', amounts + cohort) }}
        from all_summed

    ),

    risk_sets as (

        select
            totals.cohort_key,
            all_happened.day,
            {%- for outcome in outcomes %}
            cast(all_happened.{{ outcome }} as integer) as {{ outcome }},
            {%- endfor %}
            totals.{{ sums[0] }} - cast(coalesce(
                sum(all_happened.{{ outcomes | join(' + all_happened.') }}) over (
                    partition by totals.cohort_key
                    order by all_happened.day nulls last
                    rows between unbounded preceding and 1 preceding
                ),
                0
            ) as integer) as at_risk
        from all_happened
        inner join totals on {{ equal_columns('all_happened', 'totals', cohort) }}

    )
{%- endmacro %}
