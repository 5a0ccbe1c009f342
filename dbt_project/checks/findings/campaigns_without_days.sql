-- Campaigns with a cost and without the days to spread it over: it is in no quarter.
with

campaigns as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.campaign_id
            order by versions.valid_from desc
        ) as recency
    from {{ ref('stg_campaign') }} as versions
    where not versions.is_tombstone and versions.cost is not null

)

select
    campaigns.source,
    count(*) as campaign_count,
    {{ finding(
        'campaigns.source', "': '", 'count(*)',
        "' campaigns with a cost have no start date, no end date, or an end before their start, "
        ~ "such as '",
        'min(campaigns.campaign_id)',
        "'; their cost is in no quarter. Enter both dates where the campaigns are kept.'"
    ) }} as finding
from campaigns
where
    campaigns.recency = 1
    and campaigns.cost <> 0
    and not coalesce(campaigns.start_date <= campaigns.end_date, false)
group by campaigns.source
