-- One row per opportunity x piece of its history in which it is open: since when each thing that a
-- stall rule looks at has been as it is, and when it next becomes otherwise.
with

pieces as (

    select * from {{ ref('int_opportunity_intervals') }}

),

stages as (

    select
        stages.stage_interval_key,
        stages.source
    from {{ ref('int_stage_intervals') }} as stages

),

evidence as (

    select * from {{ ref('int_stall_evidence') }}

),

-- What the CRM's history did not track becomes known where observation begins, and what was not
-- extracted where its column first is: that is no change.
compared as (

    select
        pieces.opportunity_key,
        pieces.stage_key,
        pieces.stage_interval_key,
        pieces.stage_category,
        pieces.segment,
        pieces.source_amount,
        pieces.currency_code,
        pieces.close_date,
        pieces.created_date,
        pieces.valid_from,
        pieces.valid_to,
        coalesce(trim(pieces.next_step), '') <> '' as has_next_step,
        coalesce(lag(pieces.valid_to) over earlier <> pieces.valid_from, true)
        or lag(pieces.stage_key) over earlier <> pieces.stage_key as is_new_stay,
        lag(pieces.valid_from) over earlier is not null and (
            lag(pieces.stage_key) over earlier <> pieces.stage_key
            or (
                lag(pieces.currency_code) over earlier <> pieces.currency_code
                and lag(pieces.origin) over earlier = pieces.origin
                and coalesce(
                    pieces.valid_from < evidence.currency_code_from
                    or lag(pieces.valid_to) over earlier > evidence.currency_code_from,
                    true
                )
            )
            {%- for column, known_from in {
                'pieces.source_amount': 'amount_from',
                'pieces.close_date': 'close_date_from',
                "nullif(pieces.next_step, '')": 'next_step_from',
            }.items() %}
                or coalesce(
                    lag({{ column }}) over earlier <> {{ column }},
                    (lag({{ column }}) over earlier is null) <> ({{ column }} is null)
                    and lag(pieces.origin) over earlier = pieces.origin
                    and coalesce(
                        pieces.valid_from < evidence.{{ known_from }}
                        or lag(pieces.valid_to) over earlier > evidence.{{ known_from }},
                        true
                    )
                )
            {%- endfor %}
        ) as is_changed,
        lag(pieces.stage_category) over earlier = 'open'
        and pieces.stage_category = 'open'
        and pieces.close_date > lag(pieces.close_date) over earlier as is_pushed
    from pieces
    inner join stages on pieces.stage_interval_key = stages.stage_interval_key
    inner join evidence on stages.source = evidence.source
    window earlier as (
        partition by pieces.opportunity_key
        order by pieces.valid_from nulls last
    )

),

clocks as (

    select
        compared.*,
        min(compared.valid_from) over so_far as first_seen_date,
        max(case when compared.is_new_stay then compared.valid_from end) over so_far as stay_from,
        max(case when compared.is_changed then compared.valid_from end) over so_far
            as last_changed_date,
        count(*) filter (where compared.is_pushed) over so_far as push_count,
        max(case when compared.is_pushed then compared.valid_from end) over so_far
            as last_pushed_date,
        max(case when compared.has_next_step then compared.valid_to end) over so_far
            as blank_from,
        min(case when compared.is_changed and compared.stage_category in ('open', 'won')
                then compared.valid_from
        end) over afterwards as next_changed_date,
        min(case when compared.has_next_step and compared.stage_category = 'open'
                then compared.valid_from
        end) over afterwards as next_filled_date,
        min(case when compared.close_date >= compared.valid_from
                and compared.stage_category = 'open' then compared.valid_from
        end) over afterwards
            as next_dated_date,
        min(case when compared.is_new_stay and compared.stage_category in ('open', 'won')
                then compared.valid_from
        end) over afterwards as next_stay_date,
        min(case when compared.stage_category = 'won' then compared.valid_from end)
            over afterwards as next_won_date,
        min(case when compared.stage_category = 'lost' then compared.valid_from end)
            over afterwards as next_lost_date
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

)

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
    case when not clocks.has_next_step then coalesce(clocks.blank_from, clocks.first_seen_date) end
        as blank_from,
    clocks.next_changed_date,
    clocks.next_filled_date,
    clocks.next_dated_date,
    clocks.next_stay_date,
    clocks.next_won_date,
    clocks.next_lost_date
from clocks
where clocks.stage_category = 'open'
