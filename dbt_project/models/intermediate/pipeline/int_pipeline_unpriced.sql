-- One row per snapshot_date x pipeline x opportunity_type x segment x stage x close_fiscal_quarter
-- x currency_code with open opportunities in a currency without a rate.
{%- set cell = [
    'pipeline', 'opportunity_type', 'segment', 'stage', 'close_fiscal_quarter', 'currency_code'
] %}
with

history as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_open and amount is null and source_amount is not null

),

sources as (

    select * from {{ ref('int_sources') }}

),

day_numbers as (

    select * from {{ ref('int_day_numbers') }}

),

bounds as (

    select max(sources.last_captured_date) as last_date from sources

),

events as (

    select
        history.*,
        history.valid_from as changed_date,
        1 as opportunity_delta
    from history
    union all
    select
        history.*,
        history.valid_to as changed_date,
        -1 as opportunity_delta
    from history

),

changes as (

    select
        {%- for column in cell %}
            events.{{ column }},
        {%- endfor %}
        events.changed_date,
        sum(events.opportunity_delta) as opportunity_delta
    from events
    group by {{ range(1, cell | length + 2) | join(', ') }}

),

levels as (

    select
        changes.*,
        lead(changes.changed_date) over in_order as next_changed_date,
        sum(changes.opportunity_delta) over so_far as opportunities
    from changes
    window
        in_order as (
            partition by {{ cell | join(', ') }}
            order by changes.changed_date nulls last
        ),
        so_far as (
            partition by {{ cell | join(', ') }}
            order by changes.changed_date nulls last
            rows between unbounded preceding and current row
        )

),

unpriced as (

    select
        cast({{ dbt.dateadd(
            'day', 'day_numbers.day_number', 'levels.changed_date'
        ) }} as date) as snapshot_date,
        {%- for column in cell %}
            levels.{{ column }},
        {%- endfor %}
        cast(levels.opportunities as integer) as opportunities
    from levels
    cross join bounds
    {{ join_day_numbers(dbt.datediff(
        'levels.changed_date',
        'least(levels.next_changed_date, ' ~ dbt.dateadd('day', 1, 'bounds.last_date') ~ ')',
        'day'
    )) }}
    where levels.opportunities > 0

)

select * from unpriced
