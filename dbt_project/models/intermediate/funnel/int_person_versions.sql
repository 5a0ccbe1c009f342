-- One row per person's record x version: what the funnel asks of it. Numbers stand for the person,
-- the record and the account.
with

captured as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

people as (

    select * from {{ ref('int_people') }}

),

accounts as (

    select
        captured.source,
        captured.account_id,
        cast(row_number() over (
            order by captured.source nulls last, captured.account_id nulls last
        ) as integer) as account_number
    from captured
    where captured.account_id is not null
    group by captured.source, captured.account_id

),

versions as (

    select
        -- ids
        people.person_number,
        people.record_number,
        accounts.account_number,
        captured.source,
        captured.account_id,
        captured.owner_id,

        -- attributes
        captured.record_type,
        captured.status,
        captured.lead_source,
        captured.lead_score,

        -- timestamps and dates
        captured.created_at,
        captured.mql_at,
        captured.sal_at,
        captured.sql_at,
        captured.first_response_at,
        captured.valid_from,
        captured.valid_to,
        coalesce(
            lead(captured.valid_from) over (
                partition by people.record_number order by captured.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as next_from
    from captured
    inner join people on captured.source = people.source and captured.person_id = people.person_id
    left join accounts
        on captured.source = accounts.source and captured.account_id = accounts.account_id

)

select * from versions
