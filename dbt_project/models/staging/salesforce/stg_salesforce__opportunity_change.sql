-- One row per change of an opportunity's field that Salesforce recorded.
with

field_changes as (

    {{ vendor_rows('salesforce', 'opportunity_change', 'opportunity_field_history') }}

),

states as (

    {{ vendor_rows('salesforce', 'opportunity_change', 'opportunity_history') }}

),

-- OpportunityHistory keeps these as they were after each change, whether they are tracked or not.
kept_fields as (

    select 'stage' as field
    union all
    select 'amount' as field
    union all
    select 'probability' as field
    union all
    select 'close_date' as field
    union all
    select 'forecast_category' as field

),

kept_values as (

    select
        states.source,
        states.opportunity_id,
        kept_fields.field,
        case kept_fields.field
            when 'stage' then states.stage
            when 'amount' then states.amount
            when 'probability' then states.percent
            when 'close_date' then states.close_date
            when 'forecast_category' then states.forecast_category
        end as new_value,
        states.changed_at,
        states.history_id,
        states.valid_from,
        states.valid_to,
        states._pl_change,
        states._pl_origin
    from states
    cross join kept_fields

),

state_changes as (

    select
        kept_values.source,
        kept_values.opportunity_id,
        kept_values.field,
        lag(kept_values.new_value) over (
            partition by kept_values.source, kept_values.opportunity_id, kept_values.field
            order by kept_values.changed_at nulls last, kept_values.history_id nulls last
        ) as old_value,
        kept_values.new_value,
        kept_values.changed_at,
        kept_values.valid_from,
        kept_values.valid_to,
        kept_values._pl_change,
        kept_values._pl_origin
    from kept_values

),

-- OpportunityFieldHistory has the fields that the org tracks, under their own names, in our words
-- here. A lookup's change comes twice, by names and by Ids, and Ids are what can be followed.
named_changes as (

    select
        field_changes.source,
        field_changes.opportunity_id,
        case field_changes.field
            when 'StageName' then 'stage'
            when 'Amount' then 'amount'
            when 'Probability' then 'probability'
            when 'CloseDate' then 'close_date'
            when 'ForecastCategory' then 'forecast_category'
            when 'ForecastCategoryName' then 'forecast_category'
            when 'Owner' then 'owner_id'
            when 'Account' then 'account_id'
            when 'Campaign' then 'campaign_id'
            when 'Name' then 'opportunity_name'
            when 'Type' then 'opportunity_type'
            when 'LeadSource' then 'lead_source'
            when 'NextStep' then 'next_step'
            else field_changes.field
        end as field,
        field_changes.old_value,
        field_changes.new_value,
        field_changes.changed_at,
        field_changes.valid_from,
        field_changes.valid_to,
        field_changes._pl_change,
        field_changes._pl_origin,
        coalesce(field_changes.new_value, field_changes.old_value) as any_value
    from field_changes

),

with_states as (

    select distinct
        states.source,
        states.opportunity_id
    from states

),

followed_changes as (

    select
        named_changes.source,
        named_changes.opportunity_id,
        named_changes.field,
        named_changes.old_value,
        named_changes.new_value,
        named_changes.changed_at,
        named_changes.valid_from,
        named_changes.valid_to,
        named_changes._pl_change,
        named_changes._pl_origin
    from named_changes
    left join with_states
        on
            named_changes.source = with_states.source
            and named_changes.opportunity_id = with_states.opportunity_id
    left join kept_fields
        on named_changes.field = kept_fields.field
    where
        (with_states.opportunity_id is null or kept_fields.field is null)
        and case named_changes.field
            when 'owner_id' then named_changes.any_value like '005%'
            when 'account_id' then named_changes.any_value like '001%'
            when 'campaign_id' then named_changes.any_value like '701%'
            else true
        end

),

changes as (

    select * from state_changes
    where coalesce(old_value, '') <> coalesce(new_value, '')
    union all
    select * from followed_changes

)

select * from changes
