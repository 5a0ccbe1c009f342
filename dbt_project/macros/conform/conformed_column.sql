{#-
    The canonical column `name` of the sources in `group` (source_groups) as `column`, one of the
    calling model's contract: read out of the column of the ledger that it is, or out of others that
    the settings name besides, else out of that of `stand_in`, and what the settings say stands
    where there is nothing.
-#}
{% macro conformed_column(group, name, column, stand_in=none) -%}
    {%- set found = [] -%}
    {%- for ours in [name, stand_in] if ours -%}
        {%- for theirs in [ledger_name(ours, group.mapping)] + group.also.get(ours, [])
            if theirs in group.columns -%}
            {%- set value = in_our_values(
                adapter.quote(theirs), group.columns[theirs], group.our_values.get(ours, {})
            ) -%}
            {%- do found.append(cast_from_ledger(
                value, group.columns[theirs], column.data_type, name.endswith('_id'), group.dialect
            )) -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- if name in group.defaults -%}
        {%- set default = "'" ~ group.defaults[name] | replace("'", "''") ~ "'" -%}
        {%- do found.append('cast(' ~ default ~ ' as ' ~ column.data_type ~ ')') -%}
    {%- endif -%}
    {%- if found | length > 1 -%}
        coalesce({{ found | join(', ') }})
    {%- elif found -%}
        {{ found[0] }}
    {%- else -%}
        cast(null as {{ column.data_type }})
    {%- endif -%}
{%- endmacro %}
