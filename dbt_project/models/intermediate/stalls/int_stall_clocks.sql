-- One row per opportunity x interval in which it is open: since when each thing that a stall rule
-- looks at has been as it is, and when it next becomes otherwise.
with

intervals as (

    select * from {{ ref('int_opportunity_intervals') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

evidence as (

    select * from {{ ref('int_stall_evidence') }}

),

-- What the CRM's history did not track becomes known where observation begins, and what was not
-- extracted where its column first is: that is no change.
compared as (

    select
        intervals.opportunity_key,
        intervals.stage_key,
        intervals.stage_interval_key,
        intervals.stage_category,
        intervals.segment,
        intervals.source_amount,
        intervals.currency_code,
        intervals.close_date,
        intervals.created_date,
        intervals.valid_from,
        intervals.valid_to,
        coalesce(trim(intervals.next_step), '') <> '' as has_next_step,
        coalesce(lag(intervals.valid_to) over earlier <> intervals.valid_from, true)
        or lag(intervals.stage_key) over earlier <> intervals.stage_key as is_new_stay,
        lag(intervals.valid_from) over earlier is not null and (
            lag(intervals.stage_key) over earlier <> intervals.stage_key
            or (
                lag(intervals.currency_code) over earlier <> intervals.currency_code
                and lag(intervals.origin) over earlier = intervals.origin
                and coalesce(
                    intervals.valid_from < evidence.currency_code_from
                    or lag(intervals.valid_to) over earlier > evidence.currency_code_from,
                    true
                )
            )
            {%- for column, known_from in {
                'intervals.source_amount': 'amount_from',
                'intervals.close_date': 'close_date_from',
                "nullif(intervals.next_step, '')": 'next_step_from',
            }.items() %}
                or coalesce(
                    lag({{ column }}) over earlier <> {{ column }},
                    (lag({{ column }}) over earlier is null) <> ({{ column }} is null)
                    and lag(intervals.origin) over earlier = intervals.origin
                    and coalesce(
                        intervals.valid_from < evidence.{{ known_from }}
                        or lag(intervals.valid_to) over earlier > evidence.{{ known_from }},
                        true
                    )
                )
            {%- endfor %}
        ) as is_changed,
        lag(intervals.stage_category) over earlier = 'open'
        and intervals.stage_category = 'open'
        and intervals.close_date > lag(intervals.close_date) over earlier as is_pushed
    from intervals
    inner join stages on intervals.stage_interval_key = stages.stage_interval_key
    inner join evidence on stages.source = evidence.source
    window earlier as (
        partition by intervals.opportunity_key
        order by intervals.valid_from nulls last
    )

),

clocks as (

    -- Intervals follow each other, so that the first date after one is the earliest.
    select
        compared.*,
        first_value(compared.valid_from) over so_far as first_seen_date,
        count(*) filter (where compared.is_pushed) over so_far as push_count,
        {%- for name, condition in {
            'stay_from': 'compared.is_new_stay',
            'last_changed_date': 'compared.is_changed',
            'last_pushed_date': 'compared.is_pushed',
        }.items() %}
            {{ last_known('case when ' ~ condition ~ ' then compared.valid_from end') }}
                over so_far as {{ name }},
        {%- endfor %}
        {{ last_known('case when compared.has_next_step then compared.valid_to end') }}
            over so_far as blank_from,
        {%- for name, condition in {
            'next_changed_date':
                "compared.is_changed and compared.stage_category in ('open', 'won')",
            'next_filled_date': "compared.has_next_step and compared.stage_category = 'open'",
            'next_dated_date':
                "compared.close_date >= compared.valid_from and compared.stage_category = 'open'",
            'next_stay_date':
                "compared.is_new_stay and compared.stage_category in ('open', 'won')",
            'next_won_date': "compared.stage_category = 'won'",
            'next_lost_date': "compared.stage_category = 'lost'",
        }.items() %}
            {{ first_known('case when ' ~ condition ~ ' then compared.valid_from end') }}
                over afterwards as {{ name }}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from compared
    window
        so_far as (
            partition by compared.opportunity_key
            order by compared.valid_from nulls last
            rows between unbounded preceding and current row
        ),
        afterwards as (
            partition by compared.opportunity_key
            order by compared.valid_from nulls last
            rows between 1 following and unbounded following
        )

),

open_clocks as (

    select
        clocks.opportunity_key,
        clocks.stage_key,
        clocks.stage_interval_key,
        clocks.segment,
        clocks.source_amount,
        clocks.currency_code,
        clocks.has_next_step,
        clocks.push_count,
        clocks.close_date,
        clocks.created_date,
        clocks.valid_from,
        clocks.valid_to,
        clocks.first_seen_date,
        clocks.stay_from,
        clocks.last_changed_date,
        clocks.last_pushed_date,
        case
            when not clocks.has_next_step
                then coalesce(clocks.blank_from, clocks.first_seen_date)
        end as blank_from,
        clocks.next_changed_date,
        clocks.next_filled_date,
        clocks.next_dated_date,
        clocks.next_stay_date,
        clocks.next_won_date,
        clocks.next_lost_date
    from clocks
    where clocks.stage_category = 'open'

)

select * from open_clocks
