-- One row per conversion x way to find its people (by the opportunity, by the account) x record of
-- a person x person that it is, or was when it was reported: since when it is known that the person
-- belongs to the conversion, and of which days its touches count.
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

linked as (

    select * from {{ ref('int_attribution_people') }}

),

people as (

    select * from {{ ref('int_people') }}

),

people_then as (

    select * from {{ ref('int_attribution_people_as_reported') }}

),

-- Of whom other records were one person when it was reported.
others as (

    select distinct
        people_then.as_of_date,
        people_then.later_person_number as person_number
    from people_then

),

reached as (

    select
        conversions.*,
        'opportunity' as reached_by,
        linked.as_of_date,
        linked.person_number,
        case when linked.role_from <= conversions.people_until then linked.role_from end
            as role_from,
        linked.converted_from,
        linked.account_from
    from conversions
    inner join linked
        on
            conversions.source = linked.source
            and conversions.opportunity_id = linked.opportunity_id
            and coalesce(
                conversions.reported_date = linked.as_of_date, linked.as_of_date is null
            )
    where
        linked.role_from <= conversions.people_until
        or linked.converted_from is not null
    union all
    select
        conversions.*,
        'account' as reached_by,
        linked.as_of_date,
        linked.person_number,
        linked.role_from,
        linked.converted_from,
        linked.account_from
    from conversions
    inner join linked
        on
            conversions.source = linked.source
            and conversions.account_id = linked.account_id
            and conversions.people_until >= linked.account_from
            and coalesce(
                conversions.reported_date = linked.as_of_date, linked.as_of_date is null
            )

),

records as (

    select
        people.person_number,
        people.record_number
    from people
    union all
    select
        people_then.person_number,
        people_then.record_number
    from people_then

),

reach as (

    select
        -- ids
        reached.conversion_key,
        reached.reached_by,
        records.record_number,
        reached.person_number,

        -- dates
        reached.window_start_date,
        reached.cut_off_date,
        case when reached.as_of_date is null then reached.restated_date end as restated_date,
        case when others.person_number is null then reached.reported_date end as reported_date,
        reached.role_from,
        reached.converted_from,
        reached.account_from
    from reached
    left join others
        on
            reached.reported_date = others.as_of_date
            and reached.person_number = others.person_number
    inner join records on reached.person_number = records.person_number

)

select * from reach
