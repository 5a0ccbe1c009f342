-- Rows of fiscal_calendar.csv that cannot be what was meant, and quarters that overlap or leave
-- days between them.
with

quarters as (

    select
        fiscal_quarter,
        start_date,
        end_date,
        row_number() over (
            partition by fiscal_quarter
            order by valid_from desc
        ) as recency
    from {{ ref('stg_fiscal_calendar') }}

),

neighbours as (

    select
        quarters.*,
        lag(quarters.end_date) over (order by quarters.start_date nulls last) as previous_end_date
    from quarters
    where quarters.recency = 1

)

select
    'fiscal_calendar.csv: ' || neighbours.fiscal_quarter
    || ' does not begin the day after the quarter before it ends.' as finding
from neighbours
where
    neighbours.start_date
    <> cast({{ dbt.dateadd('day', 1, 'neighbours.previous_end_date') }} as date)
union all
{{ definition_problems(
    'fiscal_calendar',
    key=['fiscal_quarter'],
    types={'start_date': 'date', 'end_date': 'date'},
    required=['fiscal_quarter', 'start_date', 'end_date'],
    rules={
        "fiscal_quarter like 'FY____-Q_'": 'a fiscal quarter is written like FY2026-Q3',
        'start_date <= end_date': 'the quarter ends before it begins',
    },
) }}
