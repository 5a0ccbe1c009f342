-- One row per as_of_date (the last captured day of a month or fiscal quarter) x record of which
-- other things were known then than are today: whose record it was then.
with recursive

linked_records as (

    select * from {{ ref('int_people_links_as_reported') }}

),

links as (

    select
        linked_records.as_of_date,
        linked_records.source,
        linked_records.person_id,
        linked_records.kind,
        linked_records.later_person_key,
        linked_records.created_date,
        cast(dense_rank() over (
            order by
                linked_records.as_of_date nulls last,
                linked_records.source nulls last,
                linked_records.person_id nulls last
        ) as integer) as record_number,
        cast(dense_rank() over (
            order by linked_records.as_of_date nulls last, linked_records.link nulls last
        ) as integer) as link
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

people_as_reported as (

    select
        links.as_of_date,
        links.source,
        links.person_id,
        first_value(links.source || '/' || links.person_id) over (
            partition by numbers.person_number
            order by links.record_number nulls last
            rows between unbounded preceding and unbounded following
        ) as person_key,
        links.later_person_key,
        links.created_date
    from links
    inner join numbers on links.record_number = numbers.record_number
    where links.kind = 'person_id'

)

select * from people_as_reported
