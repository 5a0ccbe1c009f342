{#-
    `column` of the ledger, which holds ids, read as capture reads ids (snapshots/casts.py), because
    one that was mapped later was captured as it was: text without blanks around it, and the whole
    number where it travelled as a floating-point one. `101.0` is `101`, `1.6147805824397E13` is
    `16147805824397`; `007`, `1.10` and what is too large to be exact stay as they are.
-#}
{% macro id_from_ledger(column) -%}
    {{ adapter.dispatch('id_from_ledger')(column) }}
{%- endmacro %}

{% macro default__id_from_ledger(column) -%}
    {%- set trimmed = 'trim(both ' ~ blanks() ~ ' from ' ~ column ~ ')' -%}
    {%- set number = 'try_cast(' ~ trimmed ~ ' as double)' -%}
    case
        when {{ trimmed }} rlike '^(0|[1-9][0-9]*)[.]0+$' then split_part({{ trimmed }}, '.', 1)
        when
            {{ trimmed }}
            rlike '^[1-9][.]([0-9]{1,15}[eE][0-9]{1,2}|[0-9]{6,15}[eE][+][0-9]{1,2})$'
            and {{ number }} < 9007199254740992 and {{ number }} = floor({{ number }})
            then cast(cast({{ number }} as bigint) as {{ dbt.type_string() }})
        else nullif({{ trimmed }}, '')
    end
{%- endmacro %}

{#- Most ids have no blank around them and no point, which is far cheaper to see than to trim. -#}
{% macro duckdb__id_from_ledger(column) -%}
    {%- set trimmed = 'trim(' ~ column ~ ', ' ~ blanks() ~ ')' -%}
    {%- set number = 'try_cast(' ~ trimmed ~ ' as double)' -%}
    case
        when
            {{ column }} >= '!' and {{ column }}[-1] >= '!'
            and strlen({{ column }}) = length({{ column }}) and not contains({{ column }}, '.')
            then {{ column }}
        when regexp_full_match({{ trimmed }}, '(0|[1-9][0-9]*)[.]0+')
            then split_part({{ trimmed }}, '.', 1)
        when
            regexp_full_match(
                {{ trimmed }},
                '[1-9][.]([0-9]{1,15}[eE][0-9]{1,2}|[0-9]{6,15}[eE][+][0-9]{1,2})'
            )
            and {{ number }} < 9007199254740992 and {{ number }} = floor({{ number }})
            then cast(cast({{ number }} as bigint) as varchar)
        else nullif({{ trimmed }}, '')
    end
{%- endmacro %}
