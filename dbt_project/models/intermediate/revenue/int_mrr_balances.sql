-- One row per level x month x segment with payers, `(all)` included: the MRR at the month's end.
with

payers as (

    select * from {{ ref('int_mrr_by_payer') }}

),

by_segment as (

    select
        payers.level,
        payers.month_number,
        payers.segment,
        sum(payers.mrr_amount) as mrr_amount,
        count(*) as customers,
        count(*) filter (where payers.is_unpriced) as unpriced_customers
    from payers
    group by payers.level, payers.month_number, payers.segment

),

balances as (

    select * from by_segment
    union all
    select
        by_segment.level,
        by_segment.month_number,
        '(all)' as segment,
        sum(by_segment.mrr_amount) as mrr_amount,
        sum(by_segment.customers) as customers,
        sum(by_segment.unpriced_customers) as unpriced_customers
    from by_segment
    group by by_segment.level, by_segment.month_number

)

select * from balances
