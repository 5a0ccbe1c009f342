{#-
    CTEs that end in `renewal_gaps`: the times in which a customer paid nothing and whose end is a
    late renewal, out of `terms` with valid_from, valid_to, price, is_start and renewal_grace_days.
    `keys` are the columns that tell customers apart, and what is known of them on one day from the
    same on another.
-#}
{% macro renewal_gaps(terms, keys) -%}
beginnings as (

    select
        {%- for key in keys %}
            {{ terms }}.{{ key }},
        {%- endfor %}
        {{ terms }}.renewal_grace_days,
        {{ terms }}.valid_from,
        max({{ terms }}.valid_to) as valid_to,
        max(case when {{ terms }}.is_start then 1 else 0 end) = 1 as is_start
    from {{ terms }}
    where coalesce({{ terms }}.price, 1) > 0
    group by
        {{ terms }}.{{ keys | join(', ' ~ terms ~ '.') }},
        {{ terms }}.renewal_grace_days,
        {{ terms }}.valid_from

),

compared_beginnings as (

    select
        beginnings.*,
        max(beginnings.valid_to) over (
            partition by beginnings.{{ keys | join(', beginnings.') }}
            order by beginnings.valid_from nulls last
            rows between unbounded preceding and 1 preceding
        ) as paid_until
    from beginnings

),

renewal_gaps as (

    select
        {%- for key in keys %}
            compared_beginnings.{{ key }},
        {%- endfor %}
        compared_beginnings.paid_until as valid_from,
        compared_beginnings.valid_from as valid_to
    from compared_beginnings
    where
        compared_beginnings.is_start
        and compared_beginnings.paid_until < compared_beginnings.valid_from
        and {{ dbt.datediff(
            'compared_beginnings.paid_until', 'compared_beginnings.valid_from', 'day'
        ) }} <= compared_beginnings.renewal_grace_days

)
{%- endmacro %}
