-- Close dates that fiscal_calendar.csv, where it has rows, does not cover: quarters by the start
-- month serve instead.
select
    fiscal_days.fiscal_quarter,
    {{ finding(
        'fiscal_days.fiscal_quarter', "': '", 'count(*)',
        "' opportunities close outside fiscal_calendar.csv, in the quarter that the start month "
        ~ "gives.'"
    ) }} as finding
from {{ ref('fct_opportunity_current') }} as opportunities
inner join {{ ref('int_fiscal_days') }} as fiscal_days
    on opportunities.close_date = fiscal_days.date_day
where
    fiscal_days.calendar_start_date is null
    and exists (select 1 from {{ ref('stg_fiscal_calendar') }})
group by fiscal_days.fiscal_quarter
