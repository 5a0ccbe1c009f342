-- One row per unit (`person`, `account`) x entrant x step of the lifecycle x cycle: what became of
-- those who entered the step. What happens first decides.
{%- set steps = ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'] %}
with

lifecycle as (

    select * from {{ ref('fct_lifecycle_steps') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone and status is not null

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

opportunities as (

    select * from {{ ref('fct_opportunity_current') }}
    where is_won

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where entity = 'person'

),

last_days as (

    select
        snapshot_days.source,
        max(snapshot_days.last_captured_date) as last_captured_date
    from snapshot_days
    group by snapshot_days.source

),

returned as (

    select
        versions.source,
        versions.person_id,
        versions.valid_from,
        versions.valid_to
    from versions
    cross join policy
    where {{ is_listed('versions.status', 'policy.returned_status') }}

),

-- An opportunity's amount counts once, for the person who was linked with it first.
linked as (

    select
        links.source,
        links.opportunity_id,
        links.person_id,
        min(links.linked_from) as linked_from
    from links
    group by links.source, links.opportunity_id, links.person_id

),

wins as (

    select
        lifecycle.person_key,
        case
            when
                row_number() over (
                    partition by lifecycle.source, lifecycle.opportunity_id
                    order by linked.linked_from nulls last, lifecycle.person_key nulls last
                ) = 1
                then opportunities.amount
        end as won_amount
    from lifecycle
    inner join linked
        on
            lifecycle.source = linked.source
            and lifecycle.opportunity_id = linked.opportunity_id
            and lifecycle.person_id = linked.person_id
    left join opportunities
        on
            lifecycle.source = opportunities.source
            and lifecycle.opportunity_id = opportunities.opportunity_id
    where lifecycle.step = 'won'

),

taken as (

    select
        lifecycle.*,
        case lifecycle.step
            {%- for step in steps %}
                when '{{ step }}' then {{ loop.index }}
            {%- endfor %}
        end as step_order,
        case when lifecycle.step = 'won' then wins.won_amount end as won_amount
    from lifecycle
    left join wins on lifecycle.person_key = wins.person_key

),

cycles as (

    select
        lifecycle.person_key,
        lifecycle.cycle,
        lifecycle.step_date,
        lifecycle.known_from
    from lifecycle
    where lifecycle.step = 'mql'

),

-- Given back counts until the next cycle begins.
followed as (

    select
        taken.person_key,
        taken.step,
        taken.cycle,
        min(cycles.step_date) as next_cycle_date,
        min(
            case
                when returned.valid_from is not null
                    then greatest(returned.valid_from, taken.known_from, taken.step_date)
            end
        ) as recycled_date
    from taken
    left join cycles
        on taken.person_key = cycles.person_key and taken.cycle + 1 = cycles.cycle
    left join returned
        on
            taken.source = returned.source
            and taken.person_id = returned.person_id
            and taken.known_from < returned.valid_to
            and greatest(returned.valid_from, taken.known_from)
            < coalesce(cycles.known_from, {{ end_of_time() }})
    group by taken.person_key, taken.step, taken.cycle

),

moves as (

    select
        'person' as unit,
        taken.person_key as entrant_key,
        taken.*
    from taken
    union all
    select
        'account' as unit,
        taken.source || '/' || taken.account_id as entrant_key,
        taken.*
    from taken
    where taken.account_id is not null

),

account_moves as (

    select
        moves.*,
        row_number() over (
            partition by moves.entrant_key, moves.step
            order by
                moves.step_date nulls last, moves.person_key nulls last, moves.cycle nulls last
        ) as entry_number
    from moves
    where moves.unit = 'account'

),

-- An account enters a step with the first of its people.
ranked as (

    select
        moves.*,
        1 as entry_number
    from moves
    where moves.unit = 'person'
    union all
    select * from account_moves
    where entry_number = 1

),

entrants as (

    select
        ranked.unit,
        ranked.entrant_key,
        ranked.step,
        ranked.cycle,
        min(case when later.step_order > ranked.step_order then later.step_date end)
            as converted_date,
        max(case when later.step = 'opportunity' then 1 else 0 end) as reached_opportunity,
        max(case when later.step = 'won' then 1 else 0 end) as reached_won,
        sum(coalesce(later.won_amount, 0)) as won_amount
    from ranked
    left join moves as later
        on
            ranked.unit = later.unit
            and ranked.entrant_key = later.entrant_key
            and ranked.step_order <= later.step_order
            and ranked.step_date <= later.step_date
            and (
                ranked.cycle = later.cycle or ranked.step = 'lead' or ranked.unit = 'account'
            )
    where ranked.step <> 'won'
    group by ranked.unit, ranked.entrant_key, ranked.step, ranked.cycle

),

decided as (

    select
        entrants.unit,
        entrants.entrant_key,
        entrants.step,
        entrants.cycle,
        entrants.reached_opportunity,
        entrants.reached_won,
        entrants.won_amount,
        ranked.source,
        ranked.segment,
        ranked.lead_source,
        ranked.channel,
        coalesce(ranked.campaign_id, '(none)') as campaign,
        ranked.step_date,
        ranked.known_from,
        entrants.converted_date,
        followed.recycled_date,
        case
            when ranked.step_precision = 'left_truncated' then 'undated'
            when entrants.converted_date <= coalesce(followed.recycled_date, {{ end_of_time() }})
                then 'converted'
            when followed.recycled_date is not null then 'recycled'
            else 'still_open'
        end as outcome,
        least(
            greatest(last_days.last_captured_date, ranked.step_date),
            coalesce(followed.next_cycle_date, {{ end_of_time() }})
        ) as followed_until
    from entrants
    inner join ranked
        on
            entrants.unit = ranked.unit
            and entrants.entrant_key = ranked.entrant_key
            and entrants.step = ranked.step
            and entrants.cycle = ranked.cycle
    inner join followed
        on
            ranked.person_key = followed.person_key
            and ranked.step = followed.step
            and ranked.cycle = followed.cycle
    inner join last_days on ranked.source = last_days.source

),

entries as (

    select
        -- ids
        decided.unit,
        decided.entrant_key,
        decided.step,
        decided.cycle,

        -- attributes
        decided.segment,
        decided.lead_source,
        decided.channel,
        decided.campaign,
        decided.outcome,

        -- numerics
        cast({{ dbt.datediff(
            'decided.step_date',
            "case decided.outcome when 'converted' then decided.converted_date"
            " when 'recycled' then decided.recycled_date else decided.followed_until end",
            'day'
        ) }} as integer) as days,
        decided.reached_opportunity,
        decided.reached_won,
        decided.won_amount,

        -- dates
        cast({{ dbt.date_trunc('month', 'decided.step_date') }} as date) as cohort_month,
        decided.step_date,
        decided.known_from
    from decided

)

select * from entries
