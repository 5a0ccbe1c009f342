-- Visits of negative length, and rates of reports on stages and stalls that are no shares.
select
    source,
    'fct_stage_visits' as mart,
    opportunity_id as place,
    cast(days_in_stage as double) as number
from {{ ref('fct_stage_visits') }}
where days_in_stage < 0 or exited_date < entered_date
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'rpt_stage_velocity' as mart,
    stage as place,
    conversion_rate as number
from {{ ref('rpt_stage_velocity') }}
where
    conversion_rate not between 0 and 1
    or km_median_days > km_p75_days
    or km_p75_days > km_p90_days
    or visits <> advanced + regressed + moved + won + lost + deleted + still_open
union all
select
    {{ sole_source(ref('int_sources')) }} as source,
    'rpt_stall_patterns' as mart,
    rule as place,
    stall_rate as number
from {{ ref('rpt_stall_patterns') }}
where
    stall_rate not between 0 and 1
    or stalled_win_rate not between 0 and 1
    or other_win_rate not between 0 and 1
    or recovered_rate not between 0 and 1
    or stalled_decided > stalled
    or recovered > recovery_known
    or matched_stalled_win_rate not between 0 and 1
    or matched_other_win_rate not between 0 and 1
    or matched_decided > stalled_decided
    or matched_won > stalled_won
