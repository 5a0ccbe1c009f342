{#-
    The columns of `relation`, a relation of the ledger or of a vendor's staging, as name -> type;
    none where there is no such relation. The database is asked, not dbt's cache of relations: while
    one thread fills that, another takes a relation that is not in it yet for absent, and every
    value would be NULL without a word.
-#}
{% macro columns_in_ledger(relation) -%}
    {%- set columns = {} -%}
    {%- if execute -%}
        {%- for column in adapter.get_columns_in_relation(relation) -%}
            {%- do columns.update({column.name: column.dtype}) -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{%- endmacro %}
