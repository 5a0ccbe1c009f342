-- Cells of attribution whose values do not add up to the row (all), or whose total is not what was
-- booked, by the win rates and by the opportunities themselves.
with

report as (

    select * from {{ ref('rpt_attribution') }}

),

conversions as (

    select * from {{ ref('int_attribution_conversions') }}
    where restated_date is not null

),

win_rates as (

    select * from {{ ref('rpt_win_rate') }}
    where segment = '(all)' and dimension = '(all)'

),

sources as (

    select * from {{ ref('int_sources') }}

),

totals as (

    select
        conversions.fiscal_quarter,
        conversions.purpose,
        sum(conversions.amount) as amount
    from conversions
    group by conversions.fiscal_quarter, conversions.purpose

),

wholes as (

    select
        report.*,
        case when report.purpose = 'won' then win_rates.won_amount end as won_amount,
        totals.amount as own_amount
    from report
    left join win_rates
        on report.segment = '(all)' and report.fiscal_quarter = win_rates.fiscal_quarter
    left join totals
        on
            report.segment = '(all)'
            and report.fiscal_quarter = totals.fiscal_quarter
            and report.purpose = totals.purpose
    where report.dimension = '(all)'

),

summed as (

    select
        report.fiscal_quarter,
        report.segment,
        report.purpose,
        report.match,
        report.model,
        report.dimension,
        sum(report.attributed_amount) as attributed_amount,
        sum(report.reported_attributed_amount) as reported_attributed_amount,
        sum(report.untouched_amount) as untouched_amount
    from report
    where report.dimension <> '(all)'
    group by
        report.fiscal_quarter,
        report.segment,
        report.purpose,
        report.match,
        report.model,
        report.dimension

),

compared as (

    select
        {{ sole_source('sources') }} as source,
        wholes.fiscal_quarter,
        wholes.segment,
        wholes.purpose,
        wholes.match,
        wholes.model,
        summed.dimension,
        wholes.attributed_amount,
        wholes.booked_amount,
        wholes.won_amount
    from wholes
    left join summed
        on
            wholes.fiscal_quarter = summed.fiscal_quarter
            and wholes.segment = summed.segment
            and wholes.purpose = summed.purpose
            and wholes.match = summed.match
            and wholes.model = summed.model
    where
        wholes.attributed_amount <> summed.attributed_amount
        or wholes.reported_attributed_amount <> summed.reported_attributed_amount
        or wholes.untouched_amount <> summed.untouched_amount
        or wholes.attributed_amount <> wholes.total_amount
        or coalesce(wholes.won_amount, 0) <> coalesce(wholes.booked_amount, 0)
        and wholes.segment = '(all)'
        and wholes.purpose = 'won'
        or wholes.total_amount <> wholes.own_amount

)

select * from compared
