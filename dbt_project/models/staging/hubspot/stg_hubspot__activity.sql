-- One row per engagement of HubSpot and associated deal, as last captured.
with

versions as (

    {{ hubspot_engagements() }}

),

links as (

    {{ vendor_rows('hubspot', 'activity', 'engagement_deal') }}

),

deals as (

    select
        links.source,
        links.engagement_type,
        links.engagement_id,
        links.opportunity_id,
        row_number() over (
            partition by links.source, links.engagement_type, links.engagement_id
            order by links.opportunity_id nulls last
        ) as deal_number
    from links
    where links._pl_change = 'upsert' and links.valid_to = {{ end_of_time() }}

),

-- Known since the first version, told by the last.
engagements as (

    select
        versions.source,
        versions.activity_id,
        versions.engagement_type,
        versions.opportunity_id,
        versions.person_id,
        versions.owner_id,
        versions.activity_type,
        versions.occurred_at,
        min(versions.valid_from) over (
            partition by versions.source, versions.engagement_type, versions.activity_id
        ) as valid_from,
        versions.valid_to,
        versions._pl_change,
        versions._pl_origin
    from versions
    where versions._pl_change = 'upsert'

),

-- An engagement with several deals is one row for each, the first of them under its own id.
activities as (

    select
        -- ids
        engagements.source,
        case
            when coalesce(deals.deal_number, 1) = 1 then engagements.activity_id
            else engagements.activity_id || '-' || deals.opportunity_id
        end as activity_id,
        coalesce(engagements.opportunity_id, deals.opportunity_id) as opportunity_id,
        engagements.person_id,
        engagements.owner_id,

        -- attributes
        engagements.activity_type,

        -- timestamps
        engagements.occurred_at,

        -- the version
        engagements.valid_from,
        engagements.valid_to,
        engagements._pl_change,
        engagements._pl_origin
    from engagements
    left join deals
        on
            engagements.source = deals.source
            and engagements.engagement_type = deals.engagement_type
            and engagements.activity_id = deals.engagement_id
    where engagements.valid_to = {{ end_of_time() }}

)

select * from activities
