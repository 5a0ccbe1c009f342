-- One row per day of the calendar: from when to when business hours are, and how many seconds of
-- them come before.
with

calendar as (

    select * from {{ ref('int_calendar') }}

),

hours as (

    select * from {{ ref('stg_business_hours') }}

),

weekdays as (

    select
        calendar.date_day,
        case {{ dbt.datediff(
            dbt.date_trunc('week', 'calendar.date_day'), 'calendar.date_day', 'day'
        ) }}
            {%- for weekday in [
                'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday', 'sunday'
            ] %}
                when {{ loop.index0 }} then '{{ weekday }}'
            {%- endfor %}
        end as weekday
    from calendar

),

-- A date wins over its weekday, and a later row over an earlier one.
ranked as (

    select
        weekdays.date_day,
        weekdays.weekday,
        coalesce(hours.is_closed, false) as is_closed,
        {{ minutes_of_day('hours.opens') }} as opens_minute,
        {{ minutes_of_day('hours.closes') }} as closes_minute,
        row_number() over (
            partition by weekdays.date_day
            order by
                case when hours.date is not null then 0 else 1 end nulls last,
                hours.valid_from desc
        ) as preference
    from weekdays
    left join hours
        on
            weekdays.date_day >= hours.valid_from
            and (weekdays.date_day = hours.date or weekdays.weekday = hours.weekday)

),

-- A day of 23 or 25 hours is as long as it is.
opened as (

    select
        ranked.date_day,
        ranked.weekday,
        {{ utc_instant(dbt.dateadd('minute', 'ranked.opens_minute', 'ranked.date_day')) }}
            as opens_at,
        {{ utc_instant(dbt.dateadd('minute', 'ranked.closes_minute', 'ranked.date_day')) }}
            as closes_at,
        not ranked.is_closed and ranked.opens_minute is not null as is_open
    from ranked
    where ranked.preference = 1

),

measured as (

    select
        opened.*,
        case
            when opened.is_open
                then {{ dbt.datediff('opened.opens_at', 'opened.closes_at', 'second') }}
            else 0
        end as open_seconds
    from opened

),

days as (

    select
        measured.date_day,
        measured.weekday,
        case when measured.is_open then measured.opens_at end as opens_at,
        measured.open_seconds,
        cast(coalesce(
            sum(measured.open_seconds) over (
                order by measured.date_day nulls last
                rows between unbounded preceding and 1 preceding
            ),
            0
        ) as bigint) as seconds_before
    from measured

)

select * from days
