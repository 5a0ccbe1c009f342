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

counted as (

    select
        outcomes.*,
        case when outcomes.is_restated then 1 else 0 end as restated,
        case when outcomes.is_reported then 1 else 0 end as reported,
        case when outcomes.is_dated_ahead then 1 else 0 end as dated_ahead
    from outcomes

),

sided as (

    select
        counted.fiscal_quarter,
        counted.segment,
        {%- for dimension in dimensions %}
            counted.{{ dimension }},
        {%- endfor %}
        {%- for outcome in outcomes %}
            case when counted.outcome = '{{ outcome }}' then counted.restated else 0 end
                as {{ 'still_open' if outcome == 'open' else outcome }},
            case when counted.outcome = '{{ outcome }}' then counted.reported else 0 end
                as reported_{{ 'still_open' if outcome == 'open' else outcome }},
        {%- endfor %}
        {%- for outcome in ['won', 'lost'] %}
            case
                when counted.outcome = '{{ outcome }}' then counted.restated * counted.amount
                else 0
            end as {{ outcome }}_amount,
            case
                when counted.outcome = '{{ outcome }}' then counted.reported * counted.amount
                else 0
            end as reported_{{ outcome }}_amount,
        {%- endfor %}
        counted.restated * counted.dated_ahead as lost_dated_ahead
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
