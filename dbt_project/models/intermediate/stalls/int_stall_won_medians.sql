-- One row per judged day x pipeline and stage x segment, `(all)` included: the median days of the
-- visits by opportunities that had been won by then.
with

won_visits as (

    select * from {{ ref('int_visits') }}
    where
        won_from is not null
        and exit_kind <> 'deleted'
        and entry_precision <> 'left_truncated'

),

judged_days as (

    select * from {{ ref('int_stall_judged_days') }}

),

visits as (

    select
        won_visits.stage_key,
        won_visits.segment,
        won_visits.won_from,
        {{ dbt.datediff(
            'won_visits.entered_date', 'won_visits.exited_date', 'day'
        ) }} as days_in_stage
    from won_visits

),

-- Few durations on few days: counted before they are compared with the judged days.
won as (

    select
        visits.stage_key,
        visits.segment,
        visits.days_in_stage,
        visits.won_from,
        count(*) as visits
    from visits
    group by visits.stage_key, visits.segment, visits.days_in_stage, visits.won_from

),

known as (

    select
        judged_days.judged_date,
        won.stage_key,
        won.segment,
        won.days_in_stage,
        sum(won.visits) as visits
    from won
    inner join judged_days on won.won_from <= judged_days.judged_date
    group by judged_days.judged_date, won.stage_key, won.segment, won.days_in_stage

),

scoped as (

    {{ with_all(
        'known',
        all_of=['segment'],
        others=['judged_date', 'stage_key', 'days_in_stage'],
        sums=['visits'],
    ) }}

),

counted as (

    select
        scoped.*,
        sum(scoped.visits) over (
            partition by scoped.judged_date, scoped.stage_key, scoped.segment
            order by scoped.days_in_stage nulls last
            rows between unbounded preceding and current row
        ) as visits_so_far,
        sum(scoped.visits) over (
            partition by scoped.judged_date, scoped.stage_key, scoped.segment
        ) as all_visits
    from scoped

),

medians as (

    select
        counted.judged_date,
        counted.stage_key,
        counted.segment,
        cast(max(counted.all_visits) as integer) as won_visits,
        -- twice the median: a whole number
        min(counted.days_in_stage) filter (where 2 * counted.visits_so_far >= counted.all_visits)
        + min(counted.days_in_stage) filter (where 2 * counted.visits_so_far > counted.all_visits)
            as doubled_median_days
    from counted
    group by counted.judged_date, counted.stage_key, counted.segment

)

select * from medians
