{#-
    The CTE `rounds` for a model that begins `with recursive` and has `links` (record_number, link):
    rows of record_number, link and person_number. Records with a link in common are one person. In
    each round a record takes the lowest number that those it is linked with have, until no number
    changes; the lowest one of a record's rows is its person's.
-#}
{% macro rounds_of_links() -%}
    {{ adapter.dispatch('rounds_of_links')() }}
{%- endmacro %}

{#-
    Spark's recursion knows no windows, so the rounds are written one after another. A record more
    than 20 links away from the lowest number stops the build.
-#}
{% macro default__rounds_of_links() -%}
    {%- set most = 20 -%}
    round_0 as (

        select
            links.record_number,
            links.link,
            links.record_number as person_number
        from links

    ),

    {%- for number in range(1, most + 1) %}
    round_{{ number }} as (

        select
            linked.record_number,
            linked.link,
            min(linked.lowest_number) over (partition by linked.record_number) as person_number
        from (
            select
                earlier.*,
                min(earlier.person_number) over (partition by earlier.link) as lowest_number
            from round_{{ number - 1 }} as earlier
        ) as linked

    ),
    {%- endfor %}

    rounds as (

        select
            last_round.record_number,
            last_round.link,
            case
                when
                    last_round.person_number
                    = min(last_round.person_number) over (partition by last_round.link)
                    then last_round.person_number
                else cast(raise_error(
                    '{{ model.name }}: a chain of more than {{ most }} links; build in DuckDB'
                ) as integer)
            end as person_number
        from round_{{ most }} as last_round

    )
{%- endmacro %}

{% macro duckdb__rounds_of_links() -%}
    rounds as (

        select
            links.record_number,
            links.link,
            links.record_number as person_number
        from links
        union all
        select
            moved.record_number,
            moved.link,
            moved.person_number
        from (
            select
                linked.record_number,
                linked.link,
                min(linked.lowest_number) over (partition by linked.record_number)
                    as person_number,
                max(case when linked.lowest_number < linked.person_number then 1 else 0 end)
                    over () as is_moving
            from (
                select
                    rounds.*,
                    min(rounds.person_number) over (partition by rounds.link) as lowest_number
                from rounds
            ) as linked
        ) as moved
        where moved.is_moving = 1

    )
{%- endmacro %}
