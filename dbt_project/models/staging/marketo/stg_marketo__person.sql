-- One row per lead of Marketo x version, tombstones included.
with recursive

leads as (

    {{ vendor_rows('marketo', 'person', 'lead') }}

),

changes as (

    {{ vendor_rows('marketo', 'person', 'data_value_change') }}

),

steps as (

    {{ lifecycle_steps('marketo') }}

),

activities as (

    {{ vendor_rows('marketo', 'touch', 'activity') }}

),

{{ marketo_merges() }},

entries as (

    select
        changes.source,
        changes.person_id,
        steps.step,
        changes.changed_at,
        changes.valid_from as known_from
    from changes
    inner join steps
        on
            changes.source = steps.source
            and changes.attribute_name = steps.attribute_name
            and changes.new_value = steps.step_value

),

-- What a lead went through is, from the merge on, also what the lead went through that took it in.
inherited_entries as (

    select
        entries.source,
        entries.person_id,
        entries.step,
        entries.changed_at,
        entries.known_from
    from entries
    union all
    select
        entries.source,
        merged_leads.person_id,
        entries.step,
        entries.changed_at,
        greatest(entries.known_from, merged_leads.merged_from) as known_from
    from entries
    inner join merged_leads
        on
            entries.source = merged_leads.source
            and entries.person_id = merged_leads.merged_person_id

),

-- As known while a version stood.
first_entries as (

    select
        leads.source,
        leads.person_id,
        leads.valid_from,
        min(case when known.step = 'mql_at' then known.changed_at end) as mql_at,
        min(case when known.step = 'sal_at' then known.changed_at end) as sal_at,
        min(case when known.step = 'sql_at' then known.changed_at end) as sql_at
    from leads
    inner join inherited_entries as known
        on
            leads.source = known.source
            and leads.person_id = known.person_id
            and leads.valid_to > known.known_from
    where leads._pl_change = 'upsert'
    group by leads.source, leads.person_id, leads.valid_from

),

people as (

    select
        -- ids
        leads.source,
        leads.person_id,
        leads.account_id,

        -- attributes
        leads.title,
        leads.lead_source,
        leads.lead_score,
        leads.status,
        leads.owner_id,

        -- timestamps
        leads.created_at,
        coalesce(leads.mql_at, first_entries.mql_at) as mql_at,
        coalesce(leads.sal_at, first_entries.sal_at) as sal_at,
        coalesce(leads.sql_at, first_entries.sql_at) as sql_at,
        leads.first_response_at,

        -- what became of them
        leads.converted_opportunity_id,
        lower(leads.record_type) as record_type,
        leads.converted_person_id,
        coalesce(leads.merged_into_person_id, lead_merges.person_id) as merged_into_person_id,

        -- how they can be reached
        leads.is_email_bounced,
        leads.has_email,
        leads.is_email_well_formed,
        leads.email_domain,
        leads.has_phone,
        leads.email_digest,

        -- the version
        leads.valid_from,
        leads.valid_to,
        leads._pl_change,
        leads._pl_origin
    from leads
    left join first_entries
        on
            leads.source = first_entries.source
            and leads.person_id = first_entries.person_id
            and leads.valid_from = first_entries.valid_from
    -- a lead that was merged is gone, and says nothing itself
    left join lead_merges
        on
            leads.source = lead_merges.source
            and leads.person_id = lead_merges.merged_person_id
            and leads._pl_change = 'delete'
            and leads.valid_to > lead_merges.merged_from

)

select * from people
