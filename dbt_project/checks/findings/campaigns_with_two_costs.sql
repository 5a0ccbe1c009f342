-- Campaigns of one name and one time in two sources, each with a cost, that nothing says are one:
-- both costs count.
with

campaigns as (

    select
        campaigns.*,
        lower(trim(campaigns.campaign_name)) as campaign
    from {{ ref('int_attribution_campaigns') }} as campaigns
    where campaigns.cost <> 0 and campaigns.start_date <= campaigns.end_date

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
        coalesce(ones.crm_campaign_key, '') <> others.campaign_key
        and coalesce(others.crm_campaign_key, '') <> ones.campaign_key

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
