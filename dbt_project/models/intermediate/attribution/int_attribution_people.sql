-- One row per opportunity or account x person: since when it is known that the person has a role on
-- the opportunity, was converted into it, or belongs to the account.
with

links as (

    select * from {{ ref('int_opportunity_people') }}

),

people as (

    select * from {{ ref('dim_person') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone and account_id is not null

),

-- A record that was never captured is a person of its own.
of_opportunities as (

    select
        links.source,
        links.opportunity_id,
        coalesce(people.person_key, links.source || '/' || links.person_id) as person_key,
        min(case when links.match = 'role' then links.linked_from end) as role_from,
        min(case when links.match = 'converted' then links.linked_from end) as converted_from
    from links
    left join people on links.source = people.source and links.person_id = people.person_id
    group by
        links.source,
        links.opportunity_id,
        coalesce(people.person_key, links.source || '/' || links.person_id)

),

of_accounts as (

    select
        versions.source,
        versions.account_id,
        people.person_key,
        min(versions.valid_from) as account_from
    from versions
    inner join people
        on versions.source = people.source and versions.person_id = people.person_id
    group by versions.source, versions.account_id, people.person_key

),

linked as (

    select
        of_opportunities.source,
        of_opportunities.opportunity_id,
        null as account_id,
        of_opportunities.person_key,
        of_opportunities.role_from,
        of_opportunities.converted_from,
        cast(null as date) as account_from
    from of_opportunities
    union all
    select
        of_accounts.source,
        null as opportunity_id,
        of_accounts.account_id,
        of_accounts.person_key,
        null as role_from,
        null as converted_from,
        of_accounts.account_from
    from of_accounts

)

select * from linked
