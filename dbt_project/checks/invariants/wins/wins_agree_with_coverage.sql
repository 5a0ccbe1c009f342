-- Quarters and segments in which win rates and coverage disagree on what is won: today, and on the
-- last day of each quarter.
with

wins as (

    select * from {{ ref('rpt_win_rate') }}
    where dimension = '(all)'

),

coverage as (

    select * from {{ ref('rpt_pipeline_coverage') }}

),

quarters as (

    select * from {{ ref('int_win_quarters') }}

),

compared as (

    select
        coverage.snapshot_date,
        coverage.fiscal_quarter,
        coverage.segment,
        coverage.won_opportunities,
        coverage.won_amount,
        case when quarters.is_restated then wins.won else wins.reported_won end as won,
        case when quarters.is_restated then wins.won_amount else wins.reported_won_amount end
            as amount
    from coverage
    inner join quarters
        on
            coverage.fiscal_quarter = quarters.fiscal_quarter
            and coverage.snapshot_date = quarters.as_of_date
    left join wins
        on
            coverage.fiscal_quarter = wins.fiscal_quarter
            and coverage.segment = wins.segment

)

select
    {{ sole_source(ref('int_sources')) }} as source,
    compared.*
from compared
where
    compared.won_opportunities <> coalesce(compared.won, 0)
    or compared.won_amount <> coalesce(compared.amount, 0)
