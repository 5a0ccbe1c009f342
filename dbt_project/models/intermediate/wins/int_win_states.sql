-- One row per opportunity x fiscal quarter x day as of which its win rate is told: the state of
-- what is won, lost or open then with a close date in the quarter, or was open until it went.
{{ config(materialized='view') }}
with

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

departures as (

    select * from {{ ref('int_opportunity_departures') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

win_quarters as (

    select * from {{ ref('int_win_quarters') }}

),

departed as (

    select
        opportunities.source,
        opportunities.opportunity_id,
        departures.gone_from,
        departures.gone_to
    from departures
    inner join opportunities on departures.opportunity_key = opportunities.opportunity_key

),

ended as (

    select
        history.*,
        departed.gone_from,
        departed.gone_to
    from history
    left join departed
        on
            history.source = departed.source
            and history.opportunity_id = departed.opportunity_id
            and history.valid_to = departed.gone_from

),

states as (

    select
        -- ids
        ended.source,
        ended.opportunity_id,
        win_quarters.fiscal_quarter,
        win_quarters.as_of_date,
        ended.owner_id,

        -- attributes
        case when win_quarters.as_of_date < ended.valid_to then ended.stage_category else 'gone' end
            as outcome,
        win_quarters.is_reported,
        win_quarters.is_restated,
        ended.segment,
        ended.opportunity_type,
        ended.pipeline,
        coalesce(ended.lead_source, '(none)') as lead_source,

        -- numerics
        ended.amount,

        -- dates
        ended.close_date,
        ended.created_date,
        ended.valid_from,
        cast(least(
            win_quarters.as_of_date, {{ dbt.dateadd('day', -1, 'ended.valid_to') }}
        ) as date) as seen_date
    from ended
    inner join win_quarters
        on
            ended.close_fiscal_quarter = win_quarters.fiscal_quarter
            and ended.valid_from <= win_quarters.as_of_date
            and (
                ended.valid_to > win_quarters.as_of_date
                or (ended.stage_category = 'open' and ended.gone_to > win_quarters.as_of_date)
            )
    where ended.stage_category in ('open', 'won', 'lost')

)

select * from states
