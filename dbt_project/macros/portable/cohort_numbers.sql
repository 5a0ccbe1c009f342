{#-
    CTEs that number cohorts: rows of `relation` are counted by the columns `place` and `segment`,
    in all of them (`(all)`) and by the values of each of `dimensions`. Joining, counting and
    sorting by numbers costs a fraction of doing it by six texts.

    `places` has a place_number for each place x segment and the number of the place of all segments
    (whole_number); `cohort_values` a value_number for each dimension x dimension_value, 1 for
    `(all)`; `numbered` the rows of `relation` with both, a value_number_<dimension> for each.
-#}
{% macro cohort_numbers(relation, place, dimensions) -%}
    named_places as (

        {%- for segment in [relation ~ '.segment', "'(all)'"] %}
        select distinct
            {{ columns_of(relation, place) }},
            {{ segment }} as segment
        from {{ relation }}
        {%- if not loop.last %}
        union
        {%- endif %}
        {%- endfor %}

    ),

    numbered_places as (

        select
            named_places.*,
            cast(row_number() over (
                order by
                    {%- for column in place %}
                    named_places.{{ column }} nulls last,
                    {%- endfor %}
                    named_places.segment nulls last
            ) as integer) as place_number
        from named_places

    ),

    places as (

        select
            numbered_places.*,
            wholes.place_number as whole_number
        from numbered_places
        inner join numbered_places as wholes
            on
                {{ equal_columns('numbered_places', 'wholes', place) }}
                and wholes.segment = '(all)'

    ),

    named_values as (

        select
            0 as dimension_number,
            '(all)' as dimension,
            '(all)' as dimension_value
        {%- for dimension in dimensions %}
        union all
        select distinct
            {{ loop.index }} as dimension_number,
            '{{ dimension }}' as dimension,
            {{ relation }}.{{ dimension }} as dimension_value
        from {{ relation }}
        {%- endfor %}

    ),

    cohort_values as (

        select
            named_values.*,
            cast(row_number() over (
                order by
                    named_values.dimension_number nulls last,
                    named_values.dimension_value nulls last
            ) as integer) as value_number
        from named_values

    ),

    numbered as (

        select
            {{ relation }}.*,
            places.place_number,
            places.whole_number
            {%- for dimension in dimensions %},
            {{ dimension }}_values.value_number as value_number_{{ dimension }}
            {%- endfor %}
        from {{ relation }}
        inner join places
            on
                {{ equal_columns(relation, 'places', place) }}
                and {{ relation }}.segment = places.segment
        {%- for dimension in dimensions %}
        inner join cohort_values as {{ dimension }}_values
            on
                {{ dimension }}_values.dimension = '{{ dimension }}'
                and {{ relation }}.{{ dimension }} = {{ dimension }}_values.dimension_value
        {%- endfor %}

    )
{%- endmacro %}
