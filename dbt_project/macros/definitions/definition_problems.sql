{#-
    What is wrong with the governed definition `name`, a sentence (`finding`) for each row and
    problem: values that do not parse as the types in `types` (column -> type), or whose size is not
    certain (`250.000` where three decimals make no sense), `required` ones that are blank, values
    outside a list in `accepted` (column -> values), a `key` (columns) that comes twice from the
    same day on, and whatever `rules` says ({'condition that must hold': 'what it says'}, over the
    typed rows). Both readings of the file are CTEs, so that DuckDB plans and reads each once.
-#}
{% macro definition_problems(name, key, types={}, required=[], accepted={}, rules={}) -%}
    {%- set file = name ~ '.csv: ' -%}
    {%- set words = {
        'date': 'date such as 2026-11-22',
        'integer': 'whole number such as 12',
        'boolean': 'true or false',
    } -%}
    {%- set key_sql = [] -%}
    {%- for column in key -%}
        {%- do key_sql.append("coalesce(cast(" ~ column ~ " as " ~ dbt.type_string() ~ "), '')") -%}
    {%- endfor -%}
    {%- set row_name = key_sql | join(" || ', ' || ") -%}

    select problems.finding
    from (
        with

        written as (

            select * from {{ ref(name) }}

        ),

        typed as (

            select * from {{ ref('stg_' ~ name) }}

        )

        {%- for column, type in dict(types, valid_from='date').items() %}
        select
            '{{ file }}' || {{ row_name }} || ': {{ column }} `' || {{ column }}
            || '` is no {{ words.get(type, "number such as 1234.56") }}.' as finding
        from written
        where
            trim({{ column }}) <> ''
            and {{ cast_from_ledger(column, 'string', type) }} is null
        union all
        {%- if type | replace(' ', '') in ['decimal(18,2)', 'integer', 'bigint'] %}
        select
            '{{ file }}' || {{ row_name }} || ': {{ column }} `' || {{ column }}
            || '` could be ' || replace({{ column }}, '.', '') || ' or a decimal number. Write it'
            || ' without separators of thousands, and decimals with one or two digits.' as finding
        from written
        where {{ reading_of('is_unsure') }}({{ column }})
        union all
        {%- endif %}
        {%- endfor %}
        {%- for column in required %}
        select '{{ file }}' || {{ row_name }} || ': {{ column }} is blank.' as finding
        from written
        where coalesce(trim({{ column }}), '') = ''
        union all
        {%- endfor %}
        {%- for column, values in accepted.items() %}
        select
            '{{ file }}' || {{ row_name }} || ': {{ column }} `' || {{ column }}
            || '` is none of {{ values | join(", ") }}.' as finding
        from typed
        where {{ column }} not in ('{{ values | join("', '") }}')
        union all
        {%- endfor %}
        {%- for condition, sentence in rules.items() %}
        select '{{ file }}' || {{ row_name }} || ': {{ sentence }}.' as finding
        from typed
        where not ({{ condition }})
        union all
        {%- endfor %}
        select
            '{{ file }}' || {{ row_name }} || ' comes ' || cast(count(*) as {{ dbt.type_string() }})
            || ' times with the same valid_from.' as finding
        from typed
        group by {{ key | join(', ') }}, valid_from
        having count(*) > 1
    ) as problems
{%- endmacro %}
