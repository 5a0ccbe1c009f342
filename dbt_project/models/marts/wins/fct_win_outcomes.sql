-- One row per source x opportunity_id x fiscal_quarter x as_of_date: what became, by then, of an
-- opportunity that was due in the quarter.
with

states as (

    select * from {{ ref('int_win_states') }}

),

closings as (

    select * from {{ ref('int_opportunity_closings') }}

),

versions as (

    select * from {{ ref('int_opportunity_states') }}
    where loss_reason is not null

),

users as (

    select * from {{ ref('stg_user') }}
    where team is not null

),

bands as (

    select * from {{ ref('int_win_cycle_bands') }}

),

win_quarters as (

    select * from {{ ref('int_win_quarters') }}

),

-- The bands in force on each of the few days, which is found by its date.
bands_by_day as (

    select
        win_quarters.as_of_date,
        bands.cycle_band,
        bands.from_days,
        bands.up_to_days
    from win_quarters
    inner join bands
        on
            win_quarters.as_of_date >= bands.valid_from
            and win_quarters.as_of_date < bands.valid_to
    group by
        win_quarters.as_of_date, bands.cycle_band, bands.from_days, bands.up_to_days

),

closed as (

    select
        states.*,
        closings.decided_from,
        case
            when closings.closed_from is null then states.owner_id
            else closings.closing_owner_id
        end as credited_owner_id,
        coalesce(closings.closed_from, states.seen_date) as credited_date,
        case
            when states.created_date <= states.close_date
                then {{ dbt.datediff('states.created_date', 'states.close_date', 'day') }}
        end as cycle_days
    from states
    left join closings
        on
            states.source = closings.source
            and states.opportunity_id = closings.opportunity_id
            and states.valid_from = closings.valid_from

),

outcomes as (

    select
        -- ids
        closed.source,
        closed.opportunity_id,
        closed.fiscal_quarter,
        closed.as_of_date,
        closed.credited_owner_id as owner_id,

        -- attributes
        closed.outcome,
        closed.is_reported,
        closed.is_restated,
        closed.segment,
        closed.opportunity_type,
        closed.pipeline,
        closed.lead_source,
        coalesce(users.team, '(none)') as owner_team,
        case when closed.outcome = 'lost' then coalesce(versions.loss_reason, '(none)') end
            as loss_reason,
        coalesce(bands_by_day.cycle_band, '(none)') as cycle_band,
        closed.outcome = 'lost' and coalesce(closed.close_date > closed.decided_from, false)
            as is_dated_ahead,

        -- numerics
        cast(coalesce(closed.amount, 0) as decimal(18, 2)) as amount,
        cast(closed.cycle_days as integer) as cycle_days,

        -- dates
        closed.close_date,
        closed.decided_from as decided_date
    from closed
    left join users
        on
            closed.source = users.source
            and closed.credited_owner_id = users.user_id
            and closed.credited_date >= users.valid_from
            and closed.credited_date < users.valid_to
    left join versions
        on
            closed.outcome = 'lost'
            and closed.source = versions.source
            and closed.opportunity_id = versions.opportunity_id
            and closed.as_of_date >= versions.valid_from
            and closed.as_of_date < versions.valid_to
    left join bands_by_day
        on
            closed.as_of_date = bands_by_day.as_of_date
            and closed.cycle_days >= bands_by_day.from_days
            and closed.cycle_days <= coalesce(bands_by_day.up_to_days, closed.cycle_days)

)

select * from outcomes
