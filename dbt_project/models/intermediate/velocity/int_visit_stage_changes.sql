-- One row per change of an opportunity's stage that the CRM itself recorded.
with

changes as (

    select * from {{ ref('stg_opportunity_change') }}
    where not is_tombstone

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

mappings as (

    {{ column_mappings() }}

),

-- A history names the field as the CRM does, or as we do. Several entities of a vendor may have it;
-- it comes once, or each change would come as often.
stage_fields as (

    select
        mappings.source,
        lower(mappings.ledger_column) as field
    from mappings
    where mappings.entity = 'opportunity' and mappings.column_name = 'stage'
    group by mappings.source, lower(mappings.ledger_column)

),

stage_changes as (

    select
        opportunities.opportunity_key,
        changes.source,
        changes.field,
        changes.old_value,
        changes.new_value,
        changes.changed_at,
        {{ business_date('changes.changed_at') }} as changed_date
    from changes
    inner join opportunities
        on
            changes.source = opportunities.source
            and changes.opportunity_id = opportunities.opportunity_id
    left join stage_fields
        on
            changes.source = stage_fields.source
            and lower(replace(changes.field, ' ', '_')) = stage_fields.field
    where
        (
            lower(replace(changes.field, ' ', '_')) = 'stage'
            or stage_fields.field is not null
        )
        and changes.changed_at is not null

)

select * from stage_changes
