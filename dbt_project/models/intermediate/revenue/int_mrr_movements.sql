-- One row per level x payer x month x segment x category: what moved its MRR since the month end
-- before.
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

compared as (

    select
        payers.level,
        payers.payer_key,
        payers.month_number,
        payers.segment,
        payers.mrr_amount,
        lag(payers.month_number) over earlier as previous_month,
        lag(payers.segment) over earlier as previous_segment,
        lag(payers.mrr_amount) over earlier as previous_mrr_amount,
        lag(payers.next_rate_mrr_amount) over earlier as rated_mrr_amount,
        lead(payers.month_number) over earlier as next_month
    from payers
    window earlier as (
        partition by payers.level, payers.payer_key
        order by payers.month_number nulls last
    )

),

staying as (

    select * from compared
    where previous_month = month_number - 1

),

-- In this order: the segment at the old amount, then the rates at the old price, then the rest.
moved as (

    select
        compared.level,
        compared.payer_key,
        compared.month_number,
        compared.segment,
        case when compared.previous_month is null then 'new' else 'reactivation' end as category,
        compared.mrr_amount as amount,
        1 as customer_delta
    from compared
    where
        compared.previous_month is null
        or compared.previous_month < compared.month_number - 1
    union all
    select
        compared.level,
        compared.payer_key,
        compared.month_number + 1 as month_number,
        compared.segment,
        'churn' as category,
        -compared.mrr_amount as amount,
        -1 as customer_delta
    from compared
    cross join bounds
    where
        compared.month_number < bounds.last_month
        and coalesce(compared.next_month, bounds.last_month + 1) > compared.month_number + 1
    union all
    select
        staying.level,
        staying.payer_key,
        staying.month_number,
        staying.previous_segment as segment,
        'segment_out' as category,
        -staying.previous_mrr_amount as amount,
        -1 as customer_delta
    from staying
    where staying.segment <> staying.previous_segment
    union all
    select
        staying.level,
        staying.payer_key,
        staying.month_number,
        staying.segment,
        'segment_in' as category,
        staying.previous_mrr_amount as amount,
        1 as customer_delta
    from staying
    where staying.segment <> staying.previous_segment
    union all
    select
        staying.level,
        staying.payer_key,
        staying.month_number,
        staying.segment,
        'fx' as category,
        staying.rated_mrr_amount - staying.previous_mrr_amount as amount,
        0 as customer_delta
    from staying
    where staying.rated_mrr_amount <> staying.previous_mrr_amount
    union all
    select
        staying.level,
        staying.payer_key,
        staying.month_number,
        staying.segment,
        case
            when staying.mrr_amount > staying.rated_mrr_amount then 'expansion'
            else 'contraction'
        end as category,
        staying.mrr_amount - staying.rated_mrr_amount as amount,
        0 as customer_delta
    from staying
    where staying.mrr_amount <> staying.rated_mrr_amount

),

movements as (

    select
        moved.level,
        moved.payer_key,
        moved.month_number,
        moved.segment,
        moved.category,
        cast(moved.amount as decimal(18, 2)) as amount,
        moved.customer_delta
    from moved

)

select * from movements
