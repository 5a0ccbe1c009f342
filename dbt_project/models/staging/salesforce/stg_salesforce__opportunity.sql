-- One row per opportunity of Salesforce x version, tombstones included.
with

renamed as (

    {{ vendor_rows('salesforce', 'opportunity', 'opportunity') }}

),

opportunities as (

    select
        -- ids
        renamed.source,
        renamed.opportunity_id,
        renamed.account_id,
        renamed.owner_id,
        renamed.campaign_id,
        renamed.merged_into_opportunity_id,

        -- attributes: the standard values of Salesforce in our words, all others as they are
        renamed.opportunity_name,
        case lower(renamed.opportunity_type)
            when 'new business' then 'new_business'
            when 'new customer' then 'new_business'
            when 'existing business' then 'expansion'
            when 'existing customer - upgrade' then 'expansion'
            when 'renewal' then 'renewal'
            else renamed.opportunity_type
        end as opportunity_type,
        renamed.pipeline,
        renamed.stage,
        case renamed.forecast_category
            when 'BestCase' then 'best_case'
            when 'MostLikely' then 'most_likely'
            when 'Forecast' then 'commit'
            else lower(renamed.forecast_category)
        end as forecast_category,
        renamed.currency_code,
        renamed.lead_source,
        renamed.next_step,
        renamed.loss_reason,

        -- numerics
        renamed.amount,
        coalesce(renamed.probability, cast(renamed.percent * 0.01 as decimal(9, 6))) as probability,
        renamed.expected_revenue,

        -- flags
        renamed.is_deleted,

        -- dates and timestamps
        renamed.close_date,
        renamed.created_at,
        renamed.last_activity_at,

        -- the version
        renamed.valid_from,
        renamed.valid_to,
        renamed._pl_change,
        renamed._pl_origin
    from renamed

)

select * from opportunities
