-- One row per as_of_date (the last captured day of a month or fiscal quarter) x record of which
-- other things were known then than are today: whose record it was then.
with recursive

linked_records as (

    select * from {{ ref('int_people_links_as_reported') }}

),

shared_links as (

    select
        linked_records.as_of_date,
        linked_records.link
    from linked_records
    group by linked_records.as_of_date, linked_records.link
    having count(*) > 1

),

-- Records have another number on each day, in the order of today's.
links as (

    select
        linked_records.as_of_date,
        linked_records.record_number as number_today,
        linked_records.source,
        linked_records.person_id,
        cast(dense_rank() over (
            order by linked_records.as_of_date nulls last, linked_records.record_number nulls last
        ) as integer) as record_number,
        cast(dense_rank() over (
            order by linked_records.as_of_date nulls last, linked_records.link nulls last
        ) as integer) as link
    from linked_records
    inner join shared_links
        on
            linked_records.as_of_date = shared_links.as_of_date
            and linked_records.link = shared_links.link

),

{{ rounds_of_links() }},

numbers as (

    select
        rounds.record_number,
        min(rounds.person_number) as person_number
    from rounds
    group by rounds.record_number

),

names as (

    select distinct
        links.record_number,
        links.as_of_date,
        links.number_today,
        links.source,
        links.person_id
    from links

),

-- A person has the key of the first of its records.
people as (

    select
        names.as_of_date,
        names.number_today,
        firsts.source || '/' || firsts.person_id as person_key
    from names
    inner join numbers on names.record_number = numbers.record_number
    inner join names as firsts on numbers.person_number = firsts.record_number

),

-- Who was linked with nobody was a person alone.
people_as_reported as (

    select
        linked_records.as_of_date,
        linked_records.record_number,
        linked_records.source,
        linked_records.person_id,
        coalesce(
            people.person_key, linked_records.source || '/' || linked_records.person_id
        ) as person_key,
        linked_records.later_person_number,
        linked_records.later_person_key,
        linked_records.created_date
    from linked_records
    left join people
        on
            linked_records.as_of_date = people.as_of_date
            and linked_records.record_number = people.number_today
    where linked_records.kind = 'person_id'

)

select * from people_as_reported
