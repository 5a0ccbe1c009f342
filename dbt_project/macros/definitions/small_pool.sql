{#-
    Fewer past opportunities than this say nothing of a segment by itself: those of all segments
    stand in.
-#}
{% macro small_pool() -%} 20 {%- endmacro %}
