{#-
    What the checks `names` found, each a model with a column `finding`, in one query: a test of its
    own for each would cost a build more than what it asks.
-#}
{% macro findings_of(names) -%}
    {%- for name in names %}
    select
        '{{ name }}' as check_name,
        finding
    from {{ ref(name) }}
    {% if not loop.last %}union all{% endif %}
    {%- endfor %}
{%- endmacro %}
