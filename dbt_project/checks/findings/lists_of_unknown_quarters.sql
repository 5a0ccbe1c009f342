-- Lines of teams' lists in a quarter that no day belongs to: no pipeline stands beside them.
with

lines as (

    select * from {{ ref('int_reconciliation_lines') }}
    where fiscal_quarter <> '(none)'

),

quarters as (

    select distinct fiscal_quarter from {{ ref('dim_date') }}

),

latest as (

    select max(quarters.fiscal_quarter) as fiscal_quarter from quarters

)

select
    lines.team,
    lines.list_id,
    lines.fiscal_quarter,
    {{ finding(
        "'list '", 'lines.list_id', "' of '", 'lines.team', "': '", 'count(*)',
        "' of its lines are of the quarter '", 'lines.fiscal_quarter',
        "', which no day belongs to. Expected one such as '", 'latest.fiscal_quarter',
        "'; without one the close date says it.'"
    ) }} as finding
from lines
cross join latest
left join quarters on lines.fiscal_quarter = quarters.fiscal_quarter
where quarters.fiscal_quarter is null
group by lines.team, lines.list_id, lines.fiscal_quarter, latest.fiscal_quarter
