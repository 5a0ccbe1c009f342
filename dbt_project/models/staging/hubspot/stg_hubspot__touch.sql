-- One row per click in a marketing e-mail and per submission of a form, by a contact of HubSpot.
with

clicks as (

    {{ vendor_rows('hubspot', 'touch', 'email_event') }}

),

submissions as (

    {{ vendor_rows('hubspot', 'touch', 'form_submission') }}

),

assets as (

    {{ vendor_rows('hubspot', 'touch', 'campaign_asset') }}

),

people as (

    {{ hubspot_address_holders() }}

),

-- What HubSpot filters, the clicks of bots above all, is none.
events as (

    select
        clicks.source,
        clicks.touch_id,
        clicks.email_digest,
        'MARKETING_EMAIL' as asset_type,
        clicks.asset_id,
        'email_click' as touch_type,
        clicks.touched_at,
        clicks.valid_from,
        clicks.valid_to,
        clicks._pl_change,
        clicks._pl_origin
    from clicks
    where clicks.event_type = 'CLICK' and not coalesce(clicks.is_filtered, false)
    union all
    select
        submissions.source,
        submissions.touch_id,
        submissions.email_digest,
        'FORM' as asset_type,
        submissions.asset_id,
        'form_fill' as touch_type,
        submissions.touched_at,
        submissions.valid_from,
        submissions.valid_to,
        submissions._pl_change,
        submissions._pl_origin
    from submissions

),

-- An asset of several campaigns speaks for none of them.
campaigns as (

    select
        assets.source,
        assets.asset_type,
        assets.asset_id,
        min(assets.campaign_id) as campaign_id
    from assets
    where assets._pl_change = 'upsert' and assets.valid_to = {{ end_of_time() }}
    group by assets.source, assets.asset_type, assets.asset_id
    having count(*) = 1

),

touches as (

    select
        -- ids
        events.source,
        events.touch_id,
        people.person_id,
        campaigns.campaign_id,

        -- attributes
        events.touch_type,

        -- timestamps
        events.touched_at,

        -- the version
        events.valid_from,
        events.valid_to,
        events._pl_change,
        events._pl_origin
    from events
    inner join people
        on
            events.source = people.source
            and events.email_digest = people.email_digest
    left join campaigns
        on
            events.source = campaigns.source
            and events.asset_type = campaigns.asset_type
            and events.asset_id = campaigns.asset_id

)

select * from touches
