-- One row per record of a person: leads and contacts that were captured, and what only a touch or
-- an opportunity names, which is a person of its own. Numbers stand for persons and for records
-- within one build.
with

people as (

    select * from {{ ref('dim_person') }}

),

touches as (

    select * from {{ ref('stg_touch') }}
    where not is_tombstone and touched_at is not null

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

never_captured as (

    select
        touches.source,
        touches.person_id
    from touches
    left join people on touches.source = people.source and touches.person_id = people.person_id
    where people.person_id is null and touches.person_id is not null
    union
    select
        links.source,
        links.person_id
    from links
    left join people on links.source = people.source and links.person_id = people.person_id
    where people.person_id is null and links.person_id is not null

),

records as (

    select
        people.source,
        people.person_id,
        people.person_key,
        people.first_captured_date,
        people.created_date
    from people
    union all
    select
        never_captured.source,
        never_captured.person_id,
        never_captured.source || '/' || never_captured.person_id as person_key,
        cast(null as date) as first_captured_date,
        cast(null as date) as created_date
    from never_captured

),

numbered as (

    select
        cast(dense_rank() over (order by records.person_key nulls last) as integer)
            as person_number,
        cast(row_number() over (
            order by records.source nulls last, records.person_id nulls last
        ) as integer) as record_number,
        records.source,
        records.person_id,
        records.person_key,
        records.first_captured_date,
        records.created_date
    from records

)

select * from numbered
