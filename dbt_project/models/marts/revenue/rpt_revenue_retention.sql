-- One row per level x month_end x segment: the bridge of MRR since the month end before, and what
-- the customers of twelve months before pay now.
with

months as (

    select * from {{ ref('int_mrr_months') }}

),

balances as (

    select * from {{ ref('int_mrr_balances') }}

),

movement_totals as (

    select * from {{ ref('int_mrr_movement_totals') }}

),

cohorts as (

    select * from {{ ref('int_mrr_cohorts') }}

),

-- A segment is reported from the first month in which it had a customer.
first_months as (

    select
        balances.level,
        balances.segment,
        min(balances.month_number) as first_month
    from balances
    group by balances.level, balances.segment

),

grid as (

    select
        first_months.level,
        first_months.segment,
        months.month_number,
        months.month_end,
        months.is_captured,
        coalesce(months.is_captured and base_months.is_captured, false) as is_cohort_captured
    from first_months
    inner join months on first_months.first_month <= months.month_number
    left join months as base_months on months.month_number - 12 = base_months.month_number

),

joined as (

    select
        -- attributes
        grid.level,
        grid.segment,

        -- the bridge
        cast(coalesce(opening.mrr_amount, 0) as decimal(18, 2)) as opening_mrr,
        cast(coalesce(movement_totals.new_mrr, 0) as decimal(18, 2)) as new_mrr,
        cast(coalesce(movement_totals.expansion_mrr, 0) as decimal(18, 2)) as expansion_mrr,
        cast(coalesce(movement_totals.contraction_mrr, 0) as decimal(18, 2)) as contraction_mrr,
        cast(coalesce(movement_totals.churned_mrr, 0) as decimal(18, 2)) as churned_mrr,
        cast(coalesce(movement_totals.reactivated_mrr, 0) as decimal(18, 2)) as reactivated_mrr,
        cast(coalesce(movement_totals.fx_mrr, 0) as decimal(18, 2)) as fx_mrr,
        cast(coalesce(movement_totals.segment_in_mrr, 0) as decimal(18, 2)) as segment_in_mrr,
        cast(coalesce(movement_totals.segment_out_mrr, 0) as decimal(18, 2)) as segment_out_mrr,
        cast(coalesce(closing.mrr_amount, 0) as decimal(18, 2)) as closing_mrr,
        cast(coalesce(opening.customers, 0) as integer) as opening_customers,
        cast(coalesce(closing.customers, 0) as integer) as closing_customers,

        -- the cohort
        cast(coalesce(cohorts.cohort_mrr, 0) as decimal(18, 2)) as cohort_mrr,
        cast(coalesce(cohorts.retained_mrr, 0) as decimal(18, 2)) as cohort_retained_mrr,
        cast(
            coalesce(cohorts.gross_retained_mrr, 0) as decimal(18, 2)
        ) as cohort_gross_retained_mrr,
        cast(coalesce(cohorts.customers, 0) as integer) as cohort_customers,
        cast(coalesce(cohorts.churned_customers, 0) as integer) as churned_customers,

        -- flags
        grid.is_captured and coalesce(closing.unpriced_customers, 0) = 0 as is_complete,
        grid.is_cohort_captured
        and coalesce(cohorts.unpriced_customers, 0) = 0 as is_cohort_complete,
        grid.segment = '(all)' as is_total,

        -- dates
        grid.month_end
    from grid
    left join balances as closing
        on
            grid.level = closing.level
            and grid.segment = closing.segment
            and grid.month_number = closing.month_number
    left join balances as opening
        on
            grid.level = opening.level
            and grid.segment = opening.segment
            and grid.month_number - 1 = opening.month_number
    left join movement_totals
        on
            grid.level = movement_totals.level
            and grid.segment = movement_totals.segment
            and grid.month_number = movement_totals.month_number
    left join cohorts
        on
            grid.level = cohorts.level
            and grid.segment = cohorts.segment
            and grid.month_number = cohorts.month_number

),

summed as (

    select
        joined.*,
        cast(
            joined.new_mrr + joined.expansion_mrr + joined.reactivated_mrr as decimal(18, 2)
        ) as gained_mrr,
        cast(-joined.contraction_mrr - joined.churned_mrr as decimal(18, 2)) as lost_mrr
    from joined

),

report as (

    select
        summed.*,
        cast(summed.cohort_retained_mrr as double) / nullif(summed.cohort_mrr, 0) as nrr,
        cast(summed.cohort_gross_retained_mrr as double) / nullif(summed.cohort_mrr, 0) as grr,
        cast(summed.churned_customers as double)
        / nullif(summed.cohort_customers, 0) as logo_churn_rate,
        cast(summed.gained_mrr as double) / nullif(summed.lost_mrr, 0) as quick_ratio
    from summed

)

select * from report
