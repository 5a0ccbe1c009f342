-- Records that were converted or merged into a record of another person.
with

people as (

    select * from {{ ref('dim_person') }}

),

links as (

    select
        people.source,
        people.person_id,
        people.person_key,
        people.converted_person_id as target_id
    from people
    union all
    select
        people.source,
        people.person_id,
        people.person_key,
        people.merged_into_person_id as target_id
    from people

),

parted as (

    select links.*
    from links
    inner join people
        on links.source = people.source and links.target_id = people.person_id
    where links.person_key <> people.person_key

)

select * from parted
