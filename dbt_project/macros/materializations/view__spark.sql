{#-
    What is a view elsewhere is a table in Spark, which would plan and compute a view anew wherever
    it is read.
-#}
{% materialization view, adapter='spark' %}

    {{ return(materialization_table_spark()) }}

{% endmaterialization %}
