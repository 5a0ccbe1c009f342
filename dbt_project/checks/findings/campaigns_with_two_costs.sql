-- Campaigns of one name and one time in two sources, each with a cost, that nothing says are one:
-- both costs count.
with

ranked as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.campaign_id
            order by versions.valid_from desc
        ) as recency
    from {{ ref('stg_campaign') }} as versions
    where not versions.is_tombstone and versions.cost is not null

),

campaigns as (

    select
        ranked.*,
        lower(trim(ranked.campaign_name)) as campaign
    from ranked
    where ranked.recency = 1 and ranked.cost <> 0 and ranked.start_date <= ranked.end_date

),

pairs as (

    select
        ones.campaign_name,
        ones.source,
        ones.campaign_id,
        ones.cost,
        others.source as other_source,
        others.campaign_id as other_campaign_id,
        others.cost as other_cost,
        row_number() over (
            partition by ones.campaign
            order by
                ones.source nulls last,
                others.source nulls last,
                ones.campaign_id nulls last,
                others.campaign_id nulls last
        ) as pair_number
    from campaigns as ones
    inner join campaigns as others
        on
            ones.campaign = others.campaign
            and ones.source < others.source
            and ones.start_date <= others.end_date
            and ones.end_date >= others.start_date
    where
        coalesce(ones.crm_campaign_id, '') <> others.campaign_id
        and coalesce(others.crm_campaign_id, '') <> ones.campaign_id

)

select
    pairs.source,
    pairs.campaign_id,
    {{ finding(
        'pairs.campaign_name', "': a cost of '", 'pairs.cost', "' in '", 'pairs.source',
        "' and one of '", 'pairs.other_cost', "' in '", 'pairs.other_source',
        "', and both count. Join the two where they are kept, or exclude the campaigns of one "
        ~ "source, if they are one.'"
    ) }} as finding
from pairs
where pairs.pair_number = 1
