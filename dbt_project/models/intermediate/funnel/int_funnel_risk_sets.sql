-- One row per cohort of a funnel's step (month x unit x step x segment, `(all)` included, x
-- dimension x its value) x day on which something happens in it: who went on or was given back, and
-- how many were followed. The day before the first says which cohort it is, and who entered.
{%- set dimensions = ['lead_source', 'channel', 'campaign'] %}
{%- set place = ['cohort_month', 'unit', 'step'] %}
{%- set events = ['converted', 'recycled', 'still_open'] %}
{%- set totals = [
    'entered', 'undated', 'reached_opportunity', 'reached_won', 'reported_entered',
] %}
{%- set of_cohort = totals + ['won_amount', 'place_number', 'value_number'] %}
with

entries as (

    select * from {{ ref('int_funnel_entries') }}

),

restatements as (

    select * from {{ ref('fct_funnel_restatements') }}

),

-- What the month's report counted is what was known in time of today's entrants, but for what was
-- restated since.
entrants as (

    select
        {%- for column in place + ['segment'] + dimensions %}
            entries.{{ column }},
        {%- endfor %}
        entries.outcome,
        entries.days as day,
        case when entries.outcome = 'undated' then 0 else 1 end as entered,
        case when entries.outcome = 'undated' then 1 else 0 end as undated,
        case when entries.outcome = 'undated' then 0 else entries.reached_opportunity end
            as reached_opportunity,
        case when entries.outcome = 'undated' then 0 else entries.reached_won end as reached_won,
        case
            when
                entries.outcome <> 'undated'
                and entries.known_from <= {{ dbt.last_day('entries.cohort_month', 'month') }}
                then 1
            else 0
        end as reported_entered,
        case when entries.outcome = 'undated' then 0 else entries.won_amount end as won_amount
    from entries
    union all
    select
        {%- for column in place + ['segment'] + dimensions %}
            restatements.{{ column }},
        {%- endfor %}
        'reported' as outcome,
        null as day,
        {%- for total in totals[:4] %}
            0 as {{ total }},
        {%- endfor %}
        restatements.reported_entered,
        0 as won_amount
    from restatements

),

{{ cohort_numbers('entrants', place, dimensions) }},

{{ cohort_counts(dimensions, outcomes=events, sums=totals, amounts=['won_amount']) }},

cohorts as (

    select
        totals.cohort_key,
        -1 as day,
        {%- for event in events + ['at_risk'] %}
            null as {{ event }},
        {%- endfor %}
        {{ columns_of('totals', of_cohort) }},
        {{ columns_of('places', place + ['segment']) }},
        cohort_values.dimension,
        cohort_values.dimension_value
    from totals
    inner join places on totals.place_number = places.place_number
    inner join cohort_values on totals.value_number = cohort_values.value_number
    union all
    select
        risk_sets.cohort_key,
        risk_sets.day,
        {{ columns_of('risk_sets', events + ['at_risk']) }},
        {%- for column in of_cohort + place + ['segment', 'dimension', 'dimension_value'] %}
            null as {{ column }}{% if not loop.last %},{% endif %}
        {%- endfor %}
    from risk_sets

)

select * from cohorts
