-- One row per unit (`person`, `account`) x entrant x step of the lifecycle x cycle: what became of
-- those who entered the step. What happens first decides.
{%- set steps = ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'] %}
{%- set entrant_columns = [
    'person_number', 'source', 'step', 'cycle', 'step_date', 'known_from', 'step_precision',
    'segment', 'lead_source', 'channel', 'campaign_id', 'unit', 'entrant_number', 'converted_date',
    'reached_opportunity', 'reached_won',
] %}
with

lifecycle as (

    select * from {{ ref('int_lifecycle_steps') }}

),

versions as (

    select * from {{ ref('int_person_versions') }}
    where status is not null

),

people as (

    select * from {{ ref('int_people') }}

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

person_days as (

    select * from {{ ref('int_person_days') }}

),

returned as (

    select
        versions.record_number,
        versions.valid_from,
        versions.valid_to
    from versions
    cross join policy
    where {{ is_listed('versions.status', 'policy.returned_status') }}

),

won as (

    select
        lifecycle.person_number,
        lifecycle.source,
        lifecycle.opportunity_id,
        people.person_id
    from lifecycle
    inner join people on lifecycle.record_number = people.record_number
    where lifecycle.step = 'won'

),

linked as (

    select
        won.person_number,
        won.source,
        won.opportunity_id,
        min(links.linked_from) as linked_from
    from won
    inner join links
        on
            won.source = links.source
            and won.opportunity_id = links.opportunity_id
            and won.person_id = links.person_id
    group by won.person_number, won.source, won.opportunity_id

),

-- An opportunity's amount counts once, for the person who was linked with it first.
wins as (

    select
        linked.person_number,
        case
            when
                row_number() over (
                    partition by linked.source, linked.opportunity_id
                    order by linked.linked_from nulls last, linked.person_number nulls last
                ) = 1
                then opportunities.amount
        end as won_amount
    from linked
    left join opportunities
        on
            linked.source = opportunities.source
            and linked.opportunity_id = opportunities.opportunity_id

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
    left join wins on lifecycle.person_number = wins.person_number

),

cycles as (

    select
        lifecycle.person_number,
        lifecycle.cycle,
        lifecycle.step_date,
        lifecycle.known_from
    from lifecycle
    where lifecycle.step = 'mql'

),

-- Given back counts until the next cycle begins.
recycled as (

    select
        taken.person_number,
        taken.step,
        taken.cycle,
        min(greatest(returned.valid_from, taken.known_from, taken.step_date)) as recycled_date
    from taken
    inner join returned
        on
            taken.record_number = returned.record_number
            and taken.known_from < returned.valid_to
    left join cycles
        on taken.person_number = cycles.person_number and taken.cycle + 1 = cycles.cycle
    where
        greatest(returned.valid_from, taken.known_from)
        < coalesce(cycles.known_from, {{ end_of_time() }})
    group by taken.person_number, taken.step, taken.cycle

),

-- The dates of a cycle's steps side by side.
paths as (

    select
        {%- for step in steps %}
            min(case when lifecycle.step = '{{ step }}' then lifecycle.step_date end)
                as {{ step }}_date,
        {%- endfor %}
        lifecycle.person_number,
        lifecycle.cycle
    from lifecycle
    group by lifecycle.person_number, lifecycle.cycle

),

leads as (

    select
        lifecycle.person_number,
        lifecycle.cycle,
        lifecycle.step_date
    from lifecycle
    where lifecycle.step = 'lead'

),

-- A lead is followed over all cycles of the person, other steps over their own.
courses as (

    select
        {%- for step in steps %}
            min(case when paths.{{ step }}_date >= leads.step_date then paths.{{ step }}_date end)
                as {{ step }}_date,
        {%- endfor %}
        leads.person_number,
        leads.cycle,
        true as is_of_lead
    from leads
    inner join paths on leads.person_number = paths.person_number
    group by leads.person_number, leads.cycle
    union all
    select
        {%- for step in steps %}
            paths.{{ step }}_date,
        {%- endfor %}
        paths.person_number,
        paths.cycle,
        false as is_of_lead
    from paths

),

person_entrants as (

    select
        taken.*,
        'person' as unit,
        taken.person_number as entrant_number,
        case taken.step
            {%- for step in steps[:-2] %}
                when '{{ step }}'
                    then
                        least(
                            {%- for later in steps[loop.index:-1] %}
                                case
                                    when courses.{{ later }}_date >= taken.step_date
                                        then courses.{{ later }}_date
                                end,
                            {%- endfor %}
                            case
                                when courses.won_date >= taken.step_date then courses.won_date
                            end
                        )
            {%- endfor %}
            when 'opportunity'
                then case when courses.won_date >= taken.step_date then courses.won_date end
        end as converted_date,
        case
            when courses.opportunity_date >= taken.step_date or courses.won_date >= taken.step_date
                then 1
            else 0
        end as reached_opportunity,
        case when courses.won_date >= taken.step_date then 1 else 0 end as reached_won,
        case when courses.won_date >= taken.step_date then coalesce(wins.won_amount, 0) else 0 end
            as reached_amount
    from taken
    inner join courses
        on
            taken.person_number = courses.person_number
            and taken.cycle = courses.cycle
            and (taken.step = 'lead') = courses.is_of_lead
    left join wins on taken.person_number = wins.person_number
    where taken.step <> 'won'

),

account_dates as (

    select
        taken.account_number,
        taken.step,
        taken.step_order,
        taken.step_date,
        sum(coalesce(taken.won_amount, 0)) as won_amount
    from taken
    where taken.account_number is not null
    group by taken.account_number, taken.step, taken.step_order, taken.step_date

),

first_dates as (

    select
        account_dates.account_number,
        account_dates.step,
        account_dates.step_order,
        min(account_dates.step_date) as step_date
    from account_dates
    where account_dates.step <> 'won'
    group by account_dates.account_number, account_dates.step, account_dates.step_order

),

account_outcomes as (

    select
        first_dates.account_number,
        first_dates.step,
        min(case when later.step_order > first_dates.step_order then later.step_date end)
            as converted_date,
        max(case when later.step in ('opportunity', 'won') then 1 else 0 end)
            as reached_opportunity,
        max(case when later.step = 'won' then 1 else 0 end) as reached_won,
        sum(later.won_amount) as won_amount
    from first_dates
    inner join account_dates as later
        on
            first_dates.account_number = later.account_number
            and first_dates.step_order <= later.step_order
            and first_dates.step_date <= later.step_date
    group by first_dates.account_number, first_dates.step

),

account_moves as (

    select
        taken.*,
        row_number() over (
            partition by taken.account_number, taken.step
            order by
                taken.step_at nulls last,
                taken.person_number nulls last,
                taken.cycle nulls last
        ) as entry_number
    from taken
    inner join first_dates
        on
            taken.account_number = first_dates.account_number
            and taken.step = first_dates.step
            and taken.step_date = first_dates.step_date

),

-- An account enters a step with the first of its people.
entrants as (

    select
        {%- for column in entrant_columns %}
            person_entrants.{{ column }},
        {%- endfor %}
        person_entrants.reached_amount
    from person_entrants
    union all
    select
        {%- for column in entrant_columns[:-5] %}
            account_moves.{{ column }},
        {%- endfor %}
        'account' as unit,
        account_moves.account_number as entrant_number,
        account_outcomes.converted_date,
        account_outcomes.reached_opportunity,
        account_outcomes.reached_won,
        account_outcomes.won_amount as reached_amount
    from account_moves
    inner join account_outcomes
        on
            account_moves.account_number = account_outcomes.account_number
            and account_moves.step = account_outcomes.step
    where account_moves.entry_number = 1

),

decided as (

    select
        entrants.*,
        recycled.recycled_date,
        case
            when entrants.step_precision = 'left_truncated' then 'undated'
            when entrants.converted_date <= coalesce(recycled.recycled_date, {{ end_of_time() }})
                then 'converted'
            when recycled.recycled_date is not null then 'recycled'
            else 'still_open'
        end as outcome,
        least(
            greatest(person_days.last_captured_date, entrants.step_date),
            coalesce(cycles.step_date, {{ end_of_time() }})
        ) as followed_until
    from entrants
    left join recycled
        on
            entrants.person_number = recycled.person_number
            and entrants.step = recycled.step
            and entrants.cycle = recycled.cycle
    left join cycles
        on entrants.person_number = cycles.person_number and entrants.cycle + 1 = cycles.cycle
    inner join person_days on entrants.source = person_days.source

),

entries as (

    select
        -- ids
        decided.unit,
        decided.entrant_number,
        decided.step,
        decided.cycle,

        -- attributes
        decided.segment,
        decided.lead_source,
        decided.channel,
        coalesce(decided.campaign_id, '(none)') as campaign,
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
        decided.reached_amount as won_amount,

        -- dates
        cast({{ dbt.date_trunc('month', 'decided.step_date') }} as date) as cohort_month,
        decided.step_date,
        decided.known_from
    from decided

)

select * from entries
