-- One row per level x month x segment of the payers of twelve months before, `(all)` included: what
-- they paid then and pay now.
with

months as (

    select * from {{ ref('int_mrr_months') }}

),

payers as (

    select * from {{ ref('int_mrr_by_payer') }}

),

bounds as (

    select max(months.month_number) as last_month from months

),

-- The cohort is closed twelve months before, in the segment of that day.
followed as (

    select
        base.level,
        base.month_number + 12 as month_number,
        base.segment,
        base.mrr_amount as base_amount,
        coalesce(later.mrr_amount, 0) as later_amount,
        later.payer_key is null as is_churned,
        base.is_unpriced or coalesce(later.is_unpriced, false) as is_unpriced
    from payers as base
    cross join bounds
    left join payers as later
        on
            base.level = later.level
            and base.payer_key = later.payer_key
            and base.month_number + 12 = later.month_number
    where base.month_number + 12 <= bounds.last_month

),

by_segment as (

    select
        followed.level,
        followed.month_number,
        followed.segment,
        sum(followed.base_amount) as cohort_mrr,
        sum(followed.later_amount) as retained_mrr,
        sum(least(followed.base_amount, followed.later_amount)) as gross_retained_mrr,
        count(*) as customers,
        count(*) filter (where followed.is_churned) as churned_customers,
        count(*) filter (where followed.is_unpriced) as unpriced_customers
    from followed
    group by followed.level, followed.month_number, followed.segment

),

cohorts as (

    select * from by_segment
    union all
    select
        by_segment.level,
        by_segment.month_number,
        '(all)' as segment,
        sum(by_segment.cohort_mrr) as cohort_mrr,
        sum(by_segment.retained_mrr) as retained_mrr,
        sum(by_segment.gross_retained_mrr) as gross_retained_mrr,
        sum(by_segment.customers) as customers,
        sum(by_segment.churned_customers) as churned_customers,
        sum(by_segment.unpriced_customers) as unpriced_customers
    from by_segment
    group by by_segment.level, by_segment.month_number

)

select * from cohorts
