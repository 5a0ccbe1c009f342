-- One row per contact of HubSpot x version, tombstones included.
with

contacts as (

    {{ vendor_rows('hubspot', 'person', 'contact') }}

),

-- A contact that was merged is gone; the one that took it in names it in a list.
survivors as (

    select
        contacts.source,
        contacts.person_id,
        concat(';', contacts.merged_ids, ';') as merged_ids,
        row_number() over (
            partition by contacts.source, contacts.person_id
            order by contacts.valid_from desc nulls last
        ) as version_number
    from contacts
    where contacts.merged_ids is not null

),

lost_contacts as (

    select
        contacts.source,
        contacts.person_id,
        contacts.valid_from,
        min(survivors.person_id) as merged_into_person_id
    from contacts
    inner join survivors
        on
            contacts.source = survivors.source
            and survivors.merged_ids like concat('%;', contacts.person_id, ';%')
            and survivors.version_number = 1
    where contacts._pl_change = 'delete'
    group by contacts.source, contacts.person_id, contacts.valid_from

),

people as (

    select
        -- ids
        contacts.source,
        contacts.person_id,
        contacts.account_id,

        -- attributes
        contacts.title,
        contacts.lead_source,
        contacts.lead_score,
        contacts.status,
        contacts.owner_id,

        -- timestamps
        contacts.created_at,
        contacts.mql_at,
        contacts.sal_at,
        contacts.sql_at,
        contacts.first_response_at,

        -- what became of them
        contacts.converted_opportunity_id,
        -- HubSpot has contacts only; what it calls a lead is a stage of theirs
        coalesce(
            contacts.record_type,
            case
                when
                    lower(contacts.lifecycle_stage)
                    in ('lead', 'marketingqualifiedlead', 'salesqualifiedlead')
                    then 'lead'
                when contacts.lifecycle_stage is not null then 'contact'
            end
        ) as record_type,
        contacts.converted_person_id,
        coalesce(
            contacts.merged_into_person_id,
            lost_contacts.merged_into_person_id
        ) as merged_into_person_id,

        -- how they can be reached: HubSpot says why mail came back for good
        coalesce(
            contacts.is_email_bounced,
            case
                when
                    contacts._pl_change = 'upsert'
                    and {{ vendor_has('hubspot', 'contact', 'hs_email_hard_bounce_reason_enum') }}
                    then contacts.bounce_reason is not null
            end
        ) as is_email_bounced,
        contacts.has_email,
        contacts.is_email_well_formed,
        contacts.email_domain,
        contacts.has_phone,
        contacts.email_digest,

        -- the version
        contacts.valid_from,
        contacts.valid_to,
        contacts._pl_change,
        contacts._pl_origin
    from contacts
    left join lost_contacts
        on
            contacts.source = lost_contacts.source
            and contacts.person_id = lost_contacts.person_id
            and contacts.valid_from = lost_contacts.valid_from

)

select * from people
