-- One row per opportunity or account x person: since when it is known that the person has a role on
-- the opportunity, was converted into it, or belongs to the account.
with

links as (

    select * from {{ ref('int_opportunity_people') }}

),

people as (

    select * from {{ ref('int_people') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone and account_id is not null

),

linked as (

    select
        links.source,
        links.opportunity_id,
        null as account_id,
        people.person_number,
        min(case when links.match = 'role' then links.linked_from end) as role_from,
        min(case when links.match = 'converted' then links.linked_from end) as converted_from,
        cast(null as date) as account_from
    from links
    inner join people on links.source = people.source and links.person_id = people.person_id
    group by links.source, links.opportunity_id, people.person_number
    union all
    select
        versions.source,
        null as opportunity_id,
        versions.account_id,
        people.person_number,
        null as role_from,
        null as converted_from,
        min(versions.valid_from) as account_from
    from versions
    inner join people
        on versions.source = people.source and versions.person_id = people.person_id
    group by versions.source, versions.account_id, people.person_number

)

select * from linked
