-- One row per deal of HubSpot x version, tombstones included.
with

deals as (

    {{ vendor_rows('hubspot', 'opportunity', 'deal') }}

),

pipelines as (

    {{ vendor_rows('hubspot', 'opportunity', 'deal_pipeline') }}

),

stages as (

    {{ vendor_rows('hubspot', 'opportunity', 'deal_pipeline_stage') }}

),

companies as (

    {{ vendor_rows('hubspot', 'opportunity', 'deal_company') }}

),

-- Ids stay and labels are what people know: a label counts for all of the past, as last captured.
pipeline_labels as (

    select
        pipelines.source,
        pipelines.pipeline_id,
        pipelines.pipeline_label,
        row_number() over (
            partition by pipelines.source, pipelines.pipeline_id
            order by pipelines.valid_from desc
        ) as version_number
    from pipelines
    where pipelines._pl_change = 'upsert'

),

stage_labels as (

    select
        stages.source,
        stages.stage_pipeline_id,
        stages.stage_id,
        stages.stage_label,
        row_number() over (
            partition by stages.source, stages.stage_pipeline_id, stages.stage_id
            order by stages.valid_from desc
        ) as version_number
    from stages
    where stages._pl_change = 'upsert'

),

-- The primary company where the deal itself does not name it, else the first by id.
ranked_companies as (

    select
        deals.source,
        deals.opportunity_id,
        deals.valid_from,
        companies.company_id,
        row_number() over (
            partition by deals.source, deals.opportunity_id, deals.valid_from
            order by companies.is_primary desc nulls last, companies.company_id asc nulls last
        ) as company_number
    from deals
    inner join companies
        on
            deals.source = companies.source
            and deals.opportunity_id = companies.deal_id
            and deals.valid_from >= companies.valid_from
            and deals.valid_from < companies.valid_to
    where deals.account_id is null and companies._pl_change = 'upsert'

),

opportunities as (

    select
        -- ids
        deals.source,
        deals.opportunity_id,
        coalesce(deals.account_id, ranked_companies.company_id) as account_id,
        deals.owner_id,
        deals.campaign_id,
        deals.merged_into_opportunity_id,

        -- attributes: the standard values of HubSpot in our words, all others as they are
        deals.opportunity_name,
        case deals.opportunity_type
            when 'newbusiness' then 'new_business'
            when 'existingbusiness' then 'expansion'
            else deals.opportunity_type
        end as opportunity_type,
        coalesce(pipeline_labels.pipeline_label, deals.pipeline) as pipeline,
        coalesce(stage_labels.stage_label, deals.stage) as stage,
        case deals.forecast_category
            when 'OMIT' then 'omitted'
            when 'PIPELINE' then 'pipeline'
            when 'BEST_CASE' then 'best_case'
            when 'COMMIT' then 'commit'
            when 'CLOSED' then 'closed'
            else deals.forecast_category
        end as forecast_category,
        deals.currency_code,
        deals.lead_source,
        deals.next_step,
        deals.loss_reason,

        -- numerics
        deals.amount,
        deals.probability,
        deals.expected_revenue,

        -- flags
        deals.is_deleted,

        -- dates and timestamps: HubSpot keeps the close date as an instant
        coalesce(deals.close_date, {{ business_date('deals.closed_at') }}) as close_date,
        deals.created_at,
        deals.last_activity_at,

        -- the version
        deals.valid_from,
        deals.valid_to,
        deals._pl_change,
        deals._pl_origin
    from deals
    left join pipeline_labels
        on
            deals.source = pipeline_labels.source
            and deals.pipeline = pipeline_labels.pipeline_id
            and pipeline_labels.version_number = 1
    left join stage_labels
        on
            deals.source = stage_labels.source
            and deals.pipeline = stage_labels.stage_pipeline_id
            and deals.stage = stage_labels.stage_id
            and stage_labels.version_number = 1
    left join ranked_companies
        on
            deals.source = ranked_companies.source
            and deals.opportunity_id = ranked_companies.opportunity_id
            and deals.valid_from = ranked_companies.valid_from
            and ranked_companies.company_number = 1

)

select * from opportunities
