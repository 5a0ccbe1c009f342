-- One row per lead or contact of a source, as it was last captured: the person it is a record of.
-- Records that are linked, directly or by way of others, are one person.
with recursive

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

captured as (

    select
        versions.source,
        versions.person_id,
        min(versions.valid_from) as first_captured_date,
        max(versions.valid_from) as last_changed_date
    from versions
    group by versions.source, versions.person_id

),

-- What is gone keeps its last version.
records as (

    select
        versions.*,
        captured.first_captured_date
    from versions
    inner join captured
        on
            versions.source = captured.source
            and versions.person_id = captured.person_id
            and versions.valid_from = captured.last_changed_date

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
    having count(*) between 2 and {{ most_carriers() }}

),

pointers as (

    select
        records.source,
        records.person_id as record_id,
        records.converted_person_id as person_id
    from records
    where records.converted_person_id is not null
    union all
    select
        records.source,
        records.person_id as record_id,
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
linked_records as (

    select
        pointers.source,
        pointers.record_id as person_id,
        'record/' || pointers.source || '/' || pointers.person_id as link
    from pointers
    union
    select
        records.source,
        records.person_id,
        'record/' || records.source || '/' || records.person_id as link
    from records
    inner join targets
        on records.source = targets.source and records.person_id = targets.person_id
    union
    select
        records.source,
        records.person_id,
        'address/' || records.email_digest as link
    from records
    inner join digests on records.email_digest = digests.email_digest

),

links as (

    select
        linked_records.source,
        linked_records.person_id,
        cast(dense_rank() over (
            order by linked_records.source nulls last, linked_records.person_id nulls last
        ) as integer) as record_number,
        cast(dense_rank() over (order by linked_records.link nulls last) as integer) as link
    from linked_records

),

{{ rounds_of_links() }},

numbers as (

    select
        rounds.record_number,
        min(rounds.person_number) as person_number
    from rounds
    group by rounds.record_number

),

counted as (

    select
        numbers.person_number,
        count(*) as record_count
    from numbers
    group by numbers.person_number

),

names as (

    select distinct
        links.record_number,
        links.source,
        links.person_id
    from links

),

-- Who is linked with nobody is a person alone.
people as (

    select
        names.source,
        names.person_id,
        firsts.source || '/' || firsts.person_id as person_key,
        counted.record_count
    from names
    inner join numbers on names.record_number = numbers.record_number
    inner join counted on numbers.person_number = counted.person_number
    inner join names as firsts on numbers.person_number = firsts.record_number

),

dimension as (

    select
        -- ids
        records.source,
        records.person_id,
        coalesce(people.person_key, records.source || '/' || records.person_id) as person_key,
        records.account_id,
        records.owner_id,
        records.converted_person_id,
        records.merged_into_person_id,
        records.converted_opportunity_id,

        -- attributes
        records.record_type,
        records.lead_source,
        records.status,

        -- numerics
        records.lead_score,
        cast(coalesce(people.record_count, 1) as integer) as record_count,

        -- flags
        records.valid_to < {{ end_of_time() }} as is_deleted,

        -- dates
        {{ business_date('records.created_at') }} as created_date,
        records.first_captured_date
    from records
    left join people
        on records.source = people.source and records.person_id = people.person_id

)

select * from dimension
