-- One row per campaign that has a cost, as it was last; by which key it and the campaign of the CRM
-- that it is, too, are compared across sources.
{{ config(materialized='view') }}
with

versions as (

    select * from {{ ref('stg_campaign') }}
    where not is_tombstone and cost is not null

),

-- What is gone is what it was last.
ranked as (

    select
        versions.*,
        row_number() over (
            partition by versions.source, versions.campaign_id
            order by versions.valid_from desc
        ) as recency
    from versions

),

campaigns as (

    select
        -- ids
        ranked.source,
        ranked.campaign_id,
        coalesce(
            {{ short_salesforce_id('ranked.campaign_id', '701') }}, ranked.campaign_id
        ) as campaign_key,
        coalesce(
            {{ short_salesforce_id('ranked.crm_campaign_id', '701') }}, ranked.crm_campaign_id
        ) as crm_campaign_key,

        -- attributes
        ranked.campaign_name,
        ranked.channel,
        ranked.cost,
        ranked.currency_code,

        -- dates
        ranked.start_date,
        ranked.end_date
    from ranked
    where ranked.recency = 1

)

select * from campaigns
