-- One row per lead or contact of a source, as it was last captured: the person it is a record of.
-- Records that are linked, directly or by way of others, are one person.
with recursive

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

-- What is gone keeps its last version.
latest as (

    select
        versions.*,
        min(versions.valid_from) over record as first_captured_date,
        row_number() over (
            partition by versions.source, versions.person_id
            order by versions.valid_from desc
        ) as recency
    from versions
    window record as (partition by versions.source, versions.person_id)

),

records as (

    select
        latest.*,
        cast(row_number() over (
            order by latest.source nulls last, latest.person_id nulls last
        ) as integer) as record_number
    from latest
    where latest.recency = 1

),

carriers as (

    select
        versions.email_digest,
        versions.source,
        versions.person_id
    from versions
    where versions.email_digest is not null
    group by versions.email_digest, versions.source, versions.person_id

),

-- An address that many ever had is a shared one, such as info@.
digests as (

    select carriers.email_digest
    from carriers
    group by carriers.email_digest
    having count(*) between 2 and 5

),

pointers as (

    select
        records.record_number,
        records.source,
        records.converted_person_id as person_id
    from records
    where records.converted_person_id is not null
    union all
    select
        records.record_number,
        records.source,
        records.merged_into_person_id as person_id
    from records
    where records.merged_into_person_id is not null

),

targets as (

    select
        pointers.source,
        pointers.person_id
    from pointers
    group by pointers.source, pointers.person_id

),

-- Records with a link in common are one person: they point at one record, or have one address.
links as (

    select
        pointers.record_number,
        'record/' || pointers.source || '/' || pointers.person_id as link
    from pointers
    union
    select
        records.record_number,
        'record/' || records.source || '/' || records.person_id as link
    from records
    inner join targets
        on records.source = targets.source and records.person_id = targets.person_id
    union
    select
        records.record_number,
        'address/' || records.email_digest as link
    from records
    inner join digests on records.email_digest = digests.email_digest

),

{{ rounds_of_links() }},

numbers as (

    select
        rounds.record_number,
        min(rounds.person_number) as person_number
    from rounds
    group by rounds.record_number

),

numbered as (

    select
        records.*,
        coalesce(numbers.person_number, records.record_number) as person_number,
        count(*) over (
            partition by coalesce(numbers.person_number, records.record_number)
        ) as record_count
    from records
    left join numbers on records.record_number = numbers.record_number

),

dimension as (

    select
        -- ids
        numbered.source,
        numbered.person_id,
        named.source || '/' || named.person_id as person_key,
        numbered.account_id,
        numbered.owner_id,
        numbered.converted_person_id,
        numbered.merged_into_person_id,
        numbered.converted_opportunity_id,

        -- attributes
        numbered.record_type,
        numbered.lead_source,
        numbered.status,

        -- numerics
        numbered.lead_score,
        cast(numbered.record_count as integer) as record_count,

        -- flags
        numbered.valid_to < {{ end_of_time() }} as is_deleted,

        -- dates
        {{ business_date('numbered.created_at') }} as created_date,
        numbered.first_captured_date
    from numbered
    inner join records as named on numbered.person_number = named.record_number

)

select * from dimension
