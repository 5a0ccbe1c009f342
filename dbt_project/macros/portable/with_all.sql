{#-
    The rows of `relation` put together by the columns `all_of` and `others`, and again with
    `(all)` in the place of each of `all_of`, in every combination: `sums` are added, and of
    `minima` the smallest is kept. Columns are given as lists of names.
-#}
{% macro with_all(relation, all_of, others, sums, minima=[]) -%}
    {%- for combination in range(2 ** (all_of | length)) %}
    select
        {%- for column in all_of %}
        {{ "'(all)'" if (combination // (2 ** loop.index0)) % 2 else column }} as {{ column }},
        {%- endfor %}
        {%- for column in others %}
        {{ column }},
        {%- endfor %}
        {%- for column in sums %}
        sum({{ column }}) as {{ column }}{{ ',' if minima or not loop.last }}
        {%- endfor %}
        {%- for column in minima %}
        min({{ column }}) as {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ relation }}
    group by {{ range(1, (all_of | length) + (others | length) + 1) | join(', ') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
