-- One row per snapshot_date x pipeline x opportunity_type x segment x stage x close_fiscal_quarter with open
-- opportunities. Never sum over days.
{% set cell = [
    'pipeline', 'opportunity_type', 'segment', 'stage', 'close_fiscal_quarter'
] -%}
{% set measures = ['open_opportunities', 'open_amount', 'weighted_amount'] -%}
with

open_history as (

    select * from {{ ref('fct_opportunity_history') }}
    where is_open

),

pipeline_days as (

    select * from {{ ref('int_pipeline_days') }}

),

-- What enters a cell adds to it, what leaves it takes away: a running sum needs no row per opportunity and day.
events as (

    {% for event_date, sign in [('valid_from', ''), ('valid_to', '-')] -%}
    select
        {% for column in cell -%}
        open_history.{{ column }},
        {% endfor -%}
        open_history.{{ event_date }} as event_date,
        {{ sign }}count(*) as open_opportunities,
        {{ sign }}sum(coalesce(open_history.amount, 0)) as open_amount,
        {{ sign }}sum(coalesce({{ rounded_product(
            'open_history.amount', 'open_history.stage_probability'
        ) }}, 0)) as weighted_amount
    from open_history
    group by
        {% for column in cell -%}
        open_history.{{ column }},
        {% endfor -%}
        open_history.{{ event_date }}
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

changes as (

    select
        {% for column in cell + ['event_date'] -%}
        events.{{ column }},
        {% endfor -%}
        {% for measure in measures -%}
        sum(events.{{ measure }}) as {{ measure }}{{ ',' if not loop.last }}
        {% endfor %}
    from events
    group by
        {% for column in cell + ['event_date'] -%}
        events.{{ column }}{{ ',' if not loop.last }}
        {% endfor %}
),

levels as (

    select
        {% for column in cell + ['event_date'] -%}
        changes.{{ column }},
        {% endfor -%}
        {% for measure in measures -%}
        sum(changes.{{ measure }}) over (
            partition by {% for column in cell %}changes.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by changes.event_date nulls last
            rows between unbounded preceding and current row
        ) as {{ measure }},
        {% endfor -%}
        lead(changes.event_date) over (
            partition by {% for column in cell %}changes.{{ column }}{{ ', ' if not loop.last }}{% endfor %}
            order by changes.event_date nulls last
        ) as next_event_date
    from changes

),

daily as (

    select
        pipeline_days.snapshot_date,
        {% for column in cell -%}
        levels.{{ column }},
        {% endfor -%}
        cast(levels.open_opportunities as integer) as open_opportunities,
        cast(levels.open_amount as decimal(18, 2)) as open_amount,
        cast(levels.weighted_amount as decimal(18, 2)) as weighted_amount,
        pipeline_days.is_complete
    from levels
    inner join pipeline_days
        on
            levels.event_date <= pipeline_days.snapshot_date
            and levels.next_event_date > pipeline_days.snapshot_date
    where levels.open_opportunities > 0

)

select * from daily
