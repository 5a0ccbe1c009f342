{#-
    CTEs that end in `spans`: the times for which a subscription is paid, out of CTEs `lives`
    (paid_from, paid_to, counts_trials_of_payers) and `breaks` (valid_from, valid_to,
    is_of_payer). `keys` are the columns that tell lives apart, `same` those of them by which a
    break belongs to a life. A span that ends before it begins is none, and is left to the caller.
-#}
{% macro paid_spans(breaks, keys, same) -%}
-- A life begins behind the time before it.
cuts as (

    select
        {%- for key in keys %}
            lives.{{ key }},
        {%- endfor %}
        {{ beginning_of_time() }} as valid_from,
        lives.paid_from as valid_to
    from lives
    union all
    select
        {%- for key in keys %}
            lives.{{ key }},
        {%- endfor %}
        {{ breaks }}.valid_from,
        {{ breaks }}.valid_to
    from lives
    inner join {{ breaks }}
        on
            not (lives.counts_trials_of_payers and {{ breaks }}.is_of_payer)
            {%- for key in same %}
                and lives.{{ key }} = {{ breaks }}.{{ key }}
            {%- endfor %}

),

-- What lies between one break's end and the next one's beginning is paid for; breaks may overlap.
gaps as (

    select
        {%- for key in keys %}
            cuts.{{ key }},
        {%- endfor %}
        max(cuts.valid_to) over (
            partition by cuts.{{ keys | join(', cuts.') }}
            order by cuts.valid_from nulls last, cuts.valid_to nulls last
            rows between unbounded preceding and current row
        ) as valid_from,
        coalesce(lead(cuts.valid_from) over (
            partition by cuts.{{ keys | join(', cuts.') }}
            order by cuts.valid_from nulls last, cuts.valid_to nulls last
        ), {{ end_of_time() }}) as valid_to
    from cuts

),

spans as (

    select
        lives.*,
        gaps.valid_from,
        least(gaps.valid_to, lives.paid_to) as valid_to
    from gaps
    inner join lives
        on
            {%- for key in keys %}
            {{ 'and ' if not loop.first }}gaps.{{ key }} = lives.{{ key }}
            {%- endfor %}

)
{%- endmacro %}
