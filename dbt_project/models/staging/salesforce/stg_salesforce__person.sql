-- One row per contact or lead of Salesforce x version, tombstones included.
with

contacts as (

    {{ vendor_rows('salesforce', 'person', 'contact') }}

),

leads as (

    {{ vendor_rows('salesforce', 'person', 'lead') }}

),

records as (

    select
        'contact' as record_kind,
        {{ vendor_has('salesforce', 'contact', 'email_bounced_date') }} as bounces_are_known,
        contacts.*
    from contacts
    union all
    select
        'lead' as record_kind,
        {{ vendor_has('salesforce', 'lead', 'email_bounced_date') }} as bounces_are_known,
        leads.*
    from leads

),

people as (

    select
        -- ids
        records.source,
        records.person_id,
        records.account_id,

        -- attributes
        records.title,
        records.lead_source,
        records.lead_score,
        records.status,
        records.owner_id,

        -- timestamps
        records.created_at,
        records.mql_at,
        records.sal_at,
        records.sql_at,
        records.first_response_at,

        -- what became of them
        records.converted_opportunity_id,
        cast(records.record_kind as {{ dbt.type_string() }}) as record_type,
        records.converted_person_id,
        records.merged_into_person_id,

        -- how they can be reached: Salesforce dates the bounce of an address
        case
            when records.bounces_are_known and records._pl_change = 'upsert'
                then records.bounced_at is not null
        end as is_email_bounced,
        records.has_email,
        records.is_email_well_formed,
        records.email_domain,
        records.has_phone,
        records.email_digest,

        -- the version
        records.valid_from,
        records.valid_to,
        records._pl_change,
        records._pl_origin
    from records

)

select * from people
