{#-
    Which of the invariants `names` do not hold, each a model whose rows break it, in one query. A
    row that breaks it stands in the sentence: it has source, key and day.
-#}
{% macro broken_invariants(names) -%}
    {%- for name in names %}
    select
        '{{ name }}' as check_name,
        {{ finding(
            "'The invariant " ~ name ~ " does not hold: '", 'count(*)',
            "' rows break it, such as '", 'min(' ~ row_text('broken') ~ ')', "'.'"
        ) }} as finding
    from {{ ref(name) }} as broken
    having count(*) > 0
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
