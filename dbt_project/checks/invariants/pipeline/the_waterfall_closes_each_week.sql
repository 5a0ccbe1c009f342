-- Weeks, quarters and segments in which opening plus movements is not closing, in money or in
-- number.
select
    {{ sole_source(ref('int_sources')) }} as source,
    fiscal_quarter,
    segment,
    week_start_date,
    sum(case when category = 'closing' then -amount else amount end) as unexplained_amount,
    sum(case when category = 'closing' then -opportunities else opportunities end)
        as unexplained_opportunities
from {{ ref('rpt_pipeline_waterfall') }}
group by fiscal_quarter, segment, week_start_date
having
    sum(case when category = 'closing' then -amount else amount end) <> 0
    or sum(case when category = 'closing' then -opportunities else opportunities end) <> 0
