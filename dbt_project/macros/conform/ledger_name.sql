{#-
    The ledger's name of `canonical_name`, a column of ours, in a source with this `mapping` (ours
    -> theirs). Names that the ledger needs for itself were landed with raw_ before them.
-#}
{% macro ledger_name(canonical_name, mapping) -%}
    {%- set reserved = ['source', 'snapshot_date', 'valid_from', 'valid_to', 'rowid'] -%}
    {%- set unmapped = 'raw_' ~ canonical_name if canonical_name in reserved else canonical_name -%}
    {{ return(mapping.get(canonical_name, unmapped)) }}
{%- endmacro %}
