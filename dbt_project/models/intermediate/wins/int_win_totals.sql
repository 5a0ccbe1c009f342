-- One row per fiscal quarter x segment x dimension of win rates x its value, `(all)` included: how
-- many are won, lost, gone and open, as it is known today and as it was reported.
{{ config(materialized='view') }}
{%- set dimensions = [
    'opportunity_type', 'pipeline', 'lead_source', 'owner_team', 'loss_reason', 'cycle_band'
] %}
{%- set outcomes = ['won', 'lost', 'gone', 'open'] %}
{%- set measures = [
    'won', 'lost', 'gone', 'still_open', 'won_amount', 'lost_amount', 'lost_dated_ahead',
    'reported_won', 'reported_lost', 'reported_gone', 'reported_still_open',
    'reported_won_amount', 'reported_lost_amount',
] %}
with

outcomes as (

    select * from {{ ref('fct_win_outcomes') }}

),

-- Outcomes alike in everything that is told, as one: each dimension looks at these.
counted as (

    select
        outcomes.fiscal_quarter,
        outcomes.segment,
        {%- for dimension in dimensions %}
            outcomes.{{ dimension }},
        {%- endfor %}
        outcomes.outcome,
        outcomes.is_restated,
        outcomes.is_reported,
        outcomes.is_dated_ahead,
        count(*) as opportunities,
        sum(outcomes.amount) as amount
    from outcomes
    group by
        {%- for dimension in dimensions %}
            outcomes.{{ dimension }},
        {%- endfor %}
        outcomes.fiscal_quarter,
        outcomes.segment,
        outcomes.outcome,
        outcomes.is_restated,
        outcomes.is_reported,
        outcomes.is_dated_ahead

),

sided as (

    select
        counted.fiscal_quarter,
        counted.segment,
        {%- for dimension in dimensions %}
            counted.{{ dimension }},
        {%- endfor %}
        {%- for side, flag in {'': 'is_restated', 'reported_': 'is_reported'}.items() %}
            {%- for outcome in outcomes %}
                case
                    when counted.outcome = '{{ outcome }}' and counted.{{ flag }}
                        then counted.opportunities
                    else 0
                end as {{ side }}{{ 'still_open' if outcome == 'open' else outcome }},
            {%- endfor %}
            {%- for outcome in ['won', 'lost'] %}
                case
                    when counted.outcome = '{{ outcome }}' and counted.{{ flag }}
                        then counted.amount
                    else 0
                end as {{ side }}{{ outcome }}_amount,
            {%- endfor %}
        {%- endfor %}
        case
            when counted.is_restated and counted.is_dated_ahead then counted.opportunities
            else 0
        end as lost_dated_ahead
    from counted

),

-- Each dimension by itself; only a loss has a reason.
by_dimension as (

    {%- for dimension in ['(all)'] + dimensions %}
        select
            {%- for measure in measures %}
                sum(sided.{{ measure }}) as {{ measure }},
            {%- endfor %}
            {{ "'(all)'" if dimension == '(all)' else 'sided.' ~ dimension }} as dimension_value,
            '{{ dimension }}' as dimension,
            sided.fiscal_quarter,
            sided.segment
        from sided
        {%- if dimension == 'loss_reason' %}
            where sided.loss_reason is not null
        {%- endif %}
        group by
            {%- if dimension != '(all)' %}
                sided.{{ dimension }},
            {%- endif %}
            sided.fiscal_quarter,
            sided.segment
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

totals as (

    {{ with_all(
        'by_dimension',
        all_of=['segment'],
        others=['fiscal_quarter', 'dimension', 'dimension_value'],
        sums=measures,
    ) }}

)

select * from totals
