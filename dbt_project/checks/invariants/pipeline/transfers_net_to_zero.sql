-- Opportunities and days on which a transfer between quarters or segments gains or loses something.
select
    source,
    opportunity_id,
    snapshot_date,
    sum(amount) as amount,
    sum(opportunity_delta) as opportunity_delta
from {{ ref('fct_pipeline_movements') }}
where
    category in (
        'pushed_out', 'pushed_in', 'pulled_out', 'pulled_in', 'scope_out', 'scope_in'
    )
group by source, opportunity_id, snapshot_date
having sum(amount) <> 0 or sum(opportunity_delta) <> 0
