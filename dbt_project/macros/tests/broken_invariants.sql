{#-
    Which of the invariants `names` do not hold, each a model whose rows break it, in one query.
-#}
{% macro broken_invariants(names) -%}
    {%- for name in names %}
    select
        '{{ name }}' as check_name,
        {{ finding(
            "'The invariant " ~ name ~ " does not hold: '", 'count(*)', "' rows break it.'"
        ) }} as finding
    from {{ ref(name) }}
    having count(*) > 0
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
