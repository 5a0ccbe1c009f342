-- Quarters and days in which `(all)` has an expected amount though a segment has none, or has none
-- though every segment has one.
select
    {{ sole_source(ref('int_sources')) }} as source,
    snapshot_date,
    fiscal_quarter
from {{ ref('rpt_pipeline_coverage') }}
group by snapshot_date, fiscal_quarter
having
    count(*) filter (where segment = '(all)' and expected_amount is null)
    <> least(count(*) filter (where segment <> '(all)' and expected_amount is null), 1)
