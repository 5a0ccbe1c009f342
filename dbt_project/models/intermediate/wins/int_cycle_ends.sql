-- One row per opportunity: until when its sales cycle is followed, and how it ends: its first
-- closing counts, and its first absence is the last that is known.
with

history as (

    select * from {{ ref('int_opportunity_history') }}

),

departures as (

    select * from {{ ref('int_opportunity_departures') }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

firsts as (

    select
        history.opportunity_key,
        min(history.valid_from) as first_captured_date,
        min(case when history.stage_category = 'won' then history.valid_from end) as won_from,
        min(case when history.stage_category = 'lost' then history.valid_from end) as lost_from,
        max(case when history.stage_category = 'open' then history.valid_from end) as last_open_from
    from history
    group by history.opportunity_key

),

absences as (

    select
        departures.opportunity_key,
        min(departures.gone_from) as gone_from
    from departures
    group by departures.opportunity_key

),

dated as (

    select
        firsts.opportunity_key,
        firsts.first_captured_date,
        firsts.last_open_from,
        coalesce(firsts.won_from < coalesce(firsts.lost_from, {{ end_of_time() }}), false)
            as is_won,
        least(
            coalesce(firsts.won_from, {{ end_of_time() }}),
            coalesce(firsts.lost_from, {{ end_of_time() }})
        ) as closed_from,
        coalesce(absences.gone_from, {{ end_of_time() }}) as gone_from
    from firsts
    left join absences on firsts.opportunity_key = absences.opportunity_key

),

ends as (

    select
        -- ids
        dated.opportunity_key,
        opportunities.source,
        opportunities.opportunity_id,

        -- attributes
        case
            when dated.closed_from > dated.gone_from then 'censored'
            when dated.closed_from = {{ end_of_time() }} then 'censored'
            when dated.is_won then 'won'
            else 'lost'
        end as outcome,
        dated.closed_from = dated.first_captured_date as is_closed_at_first,
        dated.closed_from < dated.gone_from
        and coalesce(dated.last_open_from > dated.closed_from, false) as is_reopened,

        -- dates
        dated.first_captured_date,
        least(dated.closed_from, dated.gone_from) as followed_until,
        least(dated.closed_from, dated.gone_from, sources.last_captured_date) as ended_date
    from dated
    inner join opportunities on dated.opportunity_key = opportunities.opportunity_key
    inner join sources on opportunities.source = sources.source

)

select * from ends
