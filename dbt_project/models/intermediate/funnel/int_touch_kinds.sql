-- One row per source x campaign x type of touch x version of the campaign: from which day and until
-- which day touches of the kind have its channel. Numbers stand for kinds within one build.
with

touches as (

    select * from {{ ref('stg_touch') }}
    where not is_tombstone and touched_at is not null

),

campaigns as (

    select * from {{ ref('stg_campaign') }}
    where not is_tombstone

),

kinds as (

    select
        touches.source,
        touches.campaign_id,
        touches.touch_type
    from touches
    group by touches.source, touches.campaign_id, touches.touch_type

),

-- Before its first captured day a campaign is what it was then; one that is gone is what it was
-- last.
campaign_versions as (

    select
        campaigns.source,
        campaigns.campaign_id,
        campaigns.channel,
        min(campaigns.valid_from) over versions as first_captured_date,
        case
            when lag(campaigns.valid_from) over versions is null then {{ beginning_of_time() }}
            else campaigns.valid_from
        end as valid_from,
        coalesce(lead(campaigns.valid_from) over versions, {{ end_of_time() }}) as valid_to
    from campaigns
    window versions as (
        partition by campaigns.source, campaigns.campaign_id
        order by campaigns.valid_from nulls last
    )

),

versions as (

    select
        kinds.source,
        kinds.campaign_id,
        kinds.touch_type,
        campaign_versions.channel,
        campaign_versions.first_captured_date,
        coalesce(campaign_versions.valid_from, {{ beginning_of_time() }}) as valid_from,
        coalesce(campaign_versions.valid_to, {{ end_of_time() }}) as valid_to
    from kinds
    left join campaign_versions
        on
            kinds.source = campaign_versions.source
            and kinds.campaign_id = campaign_versions.campaign_id

),

numbered as (

    select
        cast(row_number() over (
            order by
                versions.source nulls last,
                versions.campaign_id nulls last,
                versions.touch_type nulls last,
                versions.valid_from nulls last
        ) as integer) as kind_number,
        versions.*
    from versions

)

select * from numbered
