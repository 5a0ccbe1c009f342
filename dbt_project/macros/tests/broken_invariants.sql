{#-
    Which of the invariants `names` do not hold, each a model whose rows break it, in one query: a
    sentence for each source whose data break it. A row that breaks it stands in the sentence: it
    has source, key and day. `source` is NULL where nobody can say whose data they are.
-#}
{% macro broken_invariants(names) -%}
    {%- for name in names %}
    select
        '{{ name }}' as check_name,
        source,
        {{ finding(
            "'The invariant " ~ name ~ " does not hold: '", 'count(*)',
            "' rows break it, such as '", 'min(' ~ row_text('broken') ~ ')', "'.'"
        ) }} as finding
    from {{ ref(name) }} as broken
    group by source
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
