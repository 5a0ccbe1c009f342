-- One row per as_of_date (NULL: today) x opportunity or account x person, as people are today or
-- were then: since when it is known that the person has a role on the opportunity, was converted
-- into it, or belongs to the account.
with

links as (

    select * from {{ ref('int_opportunity_people') }}

),

people as (

    select * from {{ ref('int_people') }}

),

people_then as (

    select * from {{ ref('int_attribution_people_as_reported') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone and account_id is not null

),

numbered as (

    select
        cast(null as date) as as_of_date,
        people.person_number,
        people.source,
        people.person_id
    from people
    union all
    select
        people_then.as_of_date,
        people_then.person_number,
        people.source,
        people.person_id
    from people_then
    inner join people on people_then.record_number = people.record_number

),

linked as (

    select
        numbered.as_of_date,
        links.source,
        links.opportunity_id,
        null as account_id,
        numbered.person_number,
        min(case when links.match = 'role' then links.linked_from end) as role_from,
        min(case when links.match = 'converted' then links.linked_from end) as converted_from,
        cast(null as date) as account_from
    from links
    inner join numbered on links.source = numbered.source and links.person_id = numbered.person_id
    group by
        numbered.as_of_date, links.source, links.opportunity_id, numbered.person_number
    union all
    select
        numbered.as_of_date,
        versions.source,
        null as opportunity_id,
        versions.account_id,
        numbered.person_number,
        null as role_from,
        null as converted_from,
        min(versions.valid_from) as account_from
    from versions
    inner join numbered
        on versions.source = numbered.source and versions.person_id = numbered.person_id
    group by
        numbered.as_of_date, versions.source, versions.account_id, numbered.person_number

)

select * from linked
