-- Opportunities with a negative age, time in stage, push or number of pushed days.
select
    source,
    opportunity_id,
    age_days,
    days_in_stage,
    push_count,
    days_pushed
from {{ ref('fct_opportunity_current') }}
where
    age_days < 0
    or days_in_stage < 0
    or push_count < 0
    or days_pushed < push_count
