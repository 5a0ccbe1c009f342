-- One row per opportunity x captured day that sees it enter, leave or change while it is or was
-- open or won: what it was on the captured day before, and what it is.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

stages as (

    select * from {{ ref('int_stage_intervals') }}

),

absences as (

    select * from {{ ref('int_opportunity_absences') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

states as (

    select * from {{ ref('int_opportunity_states') }}

),

accounts as (

    select * from {{ ref('stg_account') }}

),

source_days as (

    select * from {{ ref('int_source_days') }}

),

keyed_absences as (

    select
        opportunities.opportunity_key,
        opportunities.source,
        absences.valid_from,
        absences.absence_kind
    from absences
    inner join opportunities
        on
            absences.source = opportunities.source
            and absences.opportunity_id = opportunities.opportunity_id

),

-- A version that begins where the one before it ends follows it; any other comes out of nothing.
-- What is looked up is looked up here, where the engine knows how many rows there are.
arrivals as (

    select
        history.opportunity_key,
        opportunities.source,
        history.valid_from as snapshot_date,
        case
            when history.previous_valid_to is null then 'unseen'
            when history.previous_valid_to < history.valid_from then 'gone'
            else history.previous_stage_category
        end as from_state,
        history.stage_category as to_state,
        history.previous_stage_interval_key as from_stage_interval_key,
        history.stage_interval_key as to_stage_interval_key,
        history.previous_segment as from_segment,
        history.segment as to_segment,
        history.previous_close_date as from_close_date,
        history.close_date as to_close_date,
        coalesce(from_days.fiscal_quarter, '(none)') as from_quarter,
        coalesce(to_days.fiscal_quarter, '(none)') as to_quarter,
        coalesce(history.previous_amount, 0) as from_amount,
        coalesce(history.amount, 0) as to_amount,
        history.previous_captured_from as from_captured_from,
        history.captured_from as to_captured_from,
        opportunities.has_foreign_currency
    from history
    inner join opportunities on history.opportunity_key = opportunities.opportunity_key
    left join fiscal_days as from_days on history.previous_close_date = from_days.date_day
    left join fiscal_days as to_days on history.close_date = to_days.date_day

),

-- The end of a version that no other follows at once.
departures as (

    select
        history.opportunity_key,
        history.previous_valid_to as snapshot_date,
        history.previous_stage_category as from_state,
        history.previous_stage_interval_key as from_stage_interval_key,
        history.previous_segment as from_segment,
        history.previous_close_date as from_close_date,
        coalesce(history.previous_amount, 0) as from_amount
    from history
    where history.previous_valid_to < history.valid_from
    union all
    select
        history.opportunity_key,
        history.valid_to as snapshot_date,
        history.stage_category as from_state,
        history.stage_interval_key as from_stage_interval_key,
        history.segment as from_segment,
        history.close_date as from_close_date,
        coalesce(history.amount, 0) as from_amount
    from history
    where history.valid_to = history.last_valid_to and history.valid_to < {{ end_of_time() }}

),

events as (

    select
        opportunity_key,
        source,
        snapshot_date,
        from_state,
        to_state,
        from_stage_interval_key,
        to_stage_interval_key,
        from_segment,
        to_segment,
        from_close_date,
        to_close_date,
        from_quarter,
        to_quarter,
        from_amount,
        to_amount,
        from_captured_from,
        to_captured_from
    from arrivals
    where
        (from_state in ('open', 'won') or to_state in ('open', 'won', 'lost'))
        and (
            from_state <> to_state
            or from_segment <> to_segment
            or from_amount <> to_amount
            or coalesce(from_close_date <> to_close_date, false)
            or (from_close_date is null) <> (to_close_date is null)
            -- a change of rate and one of amount may cancel out
            or has_foreign_currency
        )
        and not (from_state = 'lost' and to_state = 'lost')
    union all
    select
        departures.opportunity_key,
        keyed_absences.source,
        departures.snapshot_date,
        departures.from_state,
        keyed_absences.absence_kind as to_state,
        departures.from_stage_interval_key,
        null as to_stage_interval_key,
        departures.from_segment,
        null as to_segment,
        departures.from_close_date,
        null as to_close_date,
        coalesce(fiscal_days.fiscal_quarter, '(none)') as from_quarter,
        '(none)' as to_quarter,
        departures.from_amount,
        0 as to_amount,
        null as from_captured_from,
        null as to_captured_from
    from departures
    inner join keyed_absences
        on
            departures.opportunity_key = keyed_absences.opportunity_key
            and departures.snapshot_date = keyed_absences.valid_from
    left join fiscal_days on departures.from_close_date = fiscal_days.date_day
    where departures.from_state in ('open', 'won')

),

-- Segments that changed though nobody touched the opportunity; whether the account was is asked.
resegmented as (

    select
        events.opportunity_key,
        events.snapshot_date,
        count(accounts.account_id) > 0 as is_account_changed
    from events
    inner join opportunities on events.opportunity_key = opportunities.opportunity_key
    inner join states
        on
            opportunities.source = states.source
            and opportunities.opportunity_id = states.opportunity_id
            and events.to_captured_from = states.valid_from
    inner join source_days
        on
            opportunities.source = source_days.source
            and events.snapshot_date = source_days.date_day
    left join accounts
        on
            states.source = accounts.source
            and states.account_id = accounts.account_id
            and source_days.previous_captured_date < accounts.valid_from
            and source_days.date_day >= accounts.valid_from
    where
        events.from_segment <> events.to_segment
        and events.to_captured_from < events.snapshot_date
    group by events.opportunity_key, events.snapshot_date

),

changes as (

    select
        events.opportunity_key,
        events.snapshot_date,
        events.from_state,
        events.to_state,
        from_stages.stage as from_stage,
        to_stages.stage as to_stage,
        events.from_segment,
        events.to_segment,
        events.from_close_date,
        events.to_close_date,
        events.from_quarter,
        events.to_quarter,
        events.from_amount,
        events.to_amount,
        events.from_captured_from,
        events.to_captured_from,
        -- neither the opportunity's row nor its account's is another
        coalesce(
            events.to_captured_from < events.snapshot_date
            and not coalesce(resegmented.is_account_changed, false),
            false
        ) as is_by_definition
    from events
    inner join sources
        on
            events.source = sources.source
            -- the first captured day is the opening
            and events.snapshot_date > sources.first_captured_date
    left join resegmented
        on
            events.opportunity_key = resegmented.opportunity_key
            and events.snapshot_date = resegmented.snapshot_date
    left join stages as from_stages
        on events.from_stage_interval_key = from_stages.stage_interval_key
    left join stages as to_stages on events.to_stage_interval_key = to_stages.stage_interval_key

)

select * from changes
