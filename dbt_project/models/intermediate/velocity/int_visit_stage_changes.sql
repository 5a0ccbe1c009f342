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
    left join mappings
        on
            changes.source = mappings.source
            and mappings.entity = 'opportunity'
            and mappings.column_name = 'stage'
    -- a history names the field as the CRM does, or as we do
    where
        lower(replace(changes.field, ' ', '_')) in ('stage', lower(mappings.ledger_column))
        and changes.changed_at is not null

)

select * from stage_changes
