-- Subscriptions that their source calls cancelled or expired, and that have no end: they count on.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone and valid_to = {{ end_of_time() }}

)

select
    source,
    count(*) as subscription_count,
    {{ finding(
        'source', "': '", 'count(*)',
        "' subscriptions are called cancelled or expired and have no ended_at, such as '",
        'min(subscription_id)', "'; they still count as MRR.'"
    ) }} as finding
from versions
where
    ended_at is null
    and lower(trim(status)) in ('canceled', 'cancelled', 'expired', 'ended', 'churned')
group by source
