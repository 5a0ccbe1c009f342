{#-
    The source whose rows alone a sum is made of: the only one in `relation`, NULL where there are
    several. So an invariant that holds over all sources together says whose data break it where
    that is certain.
-#}
{% macro sole_source(relation) -%}
    (
        select min(makers.source)
        from {{ relation }} as makers
        having min(makers.source) = max(makers.source)
    )
{%- endmacro %}
