{#-
    Two CTEs for a model that has `extracted` (stg_extracted_columns): the second of them,
    `missing_of_<name>`, has a row for each key of `needed` as `<name>`, with the first of the
    columns that it needs and no source was ever captured with as `missing_column`; NULL where
    there is none. `needed` gives a list of `<entity>.<column>` for each key; where one of
    several will do, they are a list in its place, and the first of them is named.
-#}
{% macro missing_columns(name, needed) -%}
    captured_of_{{ name }} as (

        select
            needs.{{ name }},
            needs.needed_column,
            count(extracted.column_name) as captured
        from (
            {%- for key, columns in needed.items() %}
            {%- for column in columns %}
            {%- for either in ([column] if column is string else column) %}
            select
                '{{ key }}' as {{ name }},
                '{{ column if column is string else column[0] }}' as needed_column,
                '{{ either }}' as column_name
            {{- ' union all' if not loop.last }}
            {%- endfor %}
            {{- ' union all' if not loop.last }}
            {%- endfor %}
            {{- ' union all' if not loop.last }}
            {%- endfor %}
        ) as needs
        left join extracted
            on needs.column_name = extracted.entity || '.' || extracted.column_name
        group by needs.{{ name }}, needs.needed_column

    ),

    missing_of_{{ name }} as (

        select
            captured_of_{{ name }}.{{ name }},
            min(
                case
                    when captured_of_{{ name }}.captured = 0
                        then captured_of_{{ name }}.needed_column
                end
            ) as missing_column
        from captured_of_{{ name }}
        group by captured_of_{{ name }}.{{ name }}

    )
{%- endmacro %}
