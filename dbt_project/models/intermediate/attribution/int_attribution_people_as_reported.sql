-- One row per as_of_date (the last captured day of a fiscal quarter) x record of a person of whom
-- other records were one person then than are today: which person it was then.
with

conversions as (

    select * from {{ ref('int_attribution_conversions') }}

),

people as (

    select * from {{ ref('int_people') }}

),

people_then as (

    select * from {{ ref('int_people_as_reported') }}

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

touches as (

    select * from {{ ref('int_person_touches') }}
    where known_from < person_known_from

),

as_of_dates as (

    select distinct conversions.reported_date as as_of_date
    from conversions
    where conversions.reported_date is not null

),

-- Which records were one person then, and are several today, or the other way round.
pairs as (

    select distinct
        people_then.as_of_date,
        people_then.person_key,
        people_then.later_person_number
    from people_then
    inner join as_of_dates on people_then.as_of_date = as_of_dates.as_of_date

),

counted as (

    select
        pairs.*,
        count(*) over (partition by pairs.as_of_date, pairs.person_key) as later_persons,
        count(*) over (partition by pairs.as_of_date, pairs.later_person_number)
            as earlier_persons
    from pairs

),

multiple as (

    select people.person_number
    from people
    group by people.person_number
    having count(*) > 1

),

-- Of some records something was known before they were captured: persons of their own until then.
early as (

    select
        touches.person_number,
        touches.known_from as early_from,
        touches.person_known_from as early_to
    from touches
    inner join multiple on touches.person_number = multiple.person_number
    union all
    select
        people.person_number,
        links.linked_from as early_from,
        people.first_captured_date as early_to
    from people
    inner join multiple on people.person_number = multiple.person_number
    inner join links on people.source = links.source and people.person_id = links.person_id
    where links.linked_from < people.first_captured_date

),

early_persons as (

    select
        early.person_number,
        min(early.early_from) as early_from,
        max(early.early_to) as early_to
    from early
    group by early.person_number

),

other as (

    select
        counted.later_person_number as person_number,
        counted.as_of_date
    from counted
    where counted.later_persons > 1 or counted.earlier_persons > 1
    union
    select
        early_persons.person_number,
        as_of_dates.as_of_date
    from early_persons
    inner join as_of_dates
        on
            early_persons.early_from <= as_of_dates.as_of_date
            and early_persons.early_to > as_of_dates.as_of_date

),

records as (

    select
        other.as_of_date,
        other.person_number as later_person_number,
        people.record_number,
        case
            when people_then.person_key is not null then people_then.person_key
            when people.first_captured_date <= other.as_of_date then people.person_key
            else people.source || '/' || people.person_id
        end as person_key
    from other
    inner join people on other.person_number = people.person_number
    left join people_then
        on
            other.as_of_date = people_then.as_of_date
            and people.record_number = people_then.record_number

),

-- Their numbers are below zero, where nobody has one today.
numbered as (

    select
        records.as_of_date,
        records.record_number,
        cast(-1 * dense_rank() over (
            order by records.as_of_date nulls last, records.person_key nulls last
        ) as integer) as person_number,
        records.later_person_number
    from records

)

select * from numbered
