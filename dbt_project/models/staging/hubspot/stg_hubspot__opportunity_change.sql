-- One row per change of a deal's property that HubSpot recorded.
with

changes as (

    {{ vendor_rows('hubspot', 'opportunity_change', 'deal_property_history') }}

),

pipelines as (

    {{ vendor_rows('hubspot', 'opportunity_change', 'deal_pipeline') }}

),

stages as (

    {{ vendor_rows('hubspot', 'opportunity_change', 'deal_pipeline_stage') }}

),

label_versions as (

    select
        pipelines.source,
        'pipeline' as field,
        pipelines.pipeline_id as id,
        pipelines.pipeline_label as label,
        pipelines.valid_from
    from pipelines
    where pipelines._pl_change = 'upsert'
    union all
    select
        stages.source,
        'stage' as field,
        stages.stage_id as id,
        stages.stage_label as label,
        stages.valid_from
    from stages
    where stages._pl_change = 'upsert'

),

-- The labels that deals show, too.
labels as (

    select
        label_versions.source,
        label_versions.field,
        label_versions.id,
        label_versions.label,
        row_number() over (
            partition by label_versions.source, label_versions.field, label_versions.id
            order by label_versions.valid_from desc nulls last, label_versions.label asc nulls last
        ) as version_number
    from label_versions

),

named_changes as (

    select
        changes.source,
        changes.opportunity_id,
        case changes.field
            when 'dealstage' then 'stage'
            when 'closedate' then 'close_date'
            when 'hubspot_owner_id' then 'owner_id'
            when 'hs_deal_stage_probability' then 'probability'
            when 'hs_manual_forecast_category' then 'forecast_category'
            when 'hs_primary_associated_company' then 'account_id'
            when 'hs_analytics_source' then 'lead_source'
            when 'hs_next_step' then 'next_step'
            when 'closed_lost_reason' then 'loss_reason'
            when 'deal_currency_code' then 'currency_code'
            when 'dealname' then 'opportunity_name'
            when 'dealtype' then 'opportunity_type'
            else changes.field
        end as field,
        changes.old_value,
        changes.new_value,
        changes.changed_at,
        changes.valid_from,
        changes.valid_to,
        changes._pl_change,
        changes._pl_origin
    from changes

),

labelled_changes as (

    select
        -- ids
        named_changes.source,
        named_changes.opportunity_id,

        -- attributes
        named_changes.field,
        coalesce(old_labels.label, named_changes.old_value) as old_value,
        coalesce(new_labels.label, named_changes.new_value) as new_value,

        -- timestamps
        named_changes.changed_at,

        -- the version
        named_changes.valid_from,
        named_changes.valid_to,
        named_changes._pl_change,
        named_changes._pl_origin
    from named_changes
    left join labels as old_labels
        on
            named_changes.source = old_labels.source
            and named_changes.field = old_labels.field
            and named_changes.old_value = old_labels.id
            and old_labels.version_number = 1
    left join labels as new_labels
        on
            named_changes.source = new_labels.source
            and named_changes.field = new_labels.field
            and named_changes.new_value = new_labels.id
            and new_labels.version_number = 1

)

select * from labelled_changes
