-- Customers and month ends whose movements do not add up to the change of MRR, or of being a
-- customer.
with

months as (

    select
        month_number,
        month_end
    from {{ ref('int_mrr_months') }}

),

monthly as (

    select
        customers.source,
        customers.customer_id,
        months.month_number,
        coalesce(customers.mrr_amount, 0) as mrr_amount
    from {{ ref('fct_mrr_monthly') }} as customers
    inner join months on customers.month_end = months.month_end

),

levels as (

    select
        monthly.source,
        monthly.customer_id,
        monthly.month_number,
        monthly.mrr_amount,
        1 as customers
    from monthly
    union all
    select
        monthly.source,
        monthly.customer_id,
        monthly.month_number + 1 as month_number,
        -monthly.mrr_amount as mrr_amount,
        -1 as customers
    from monthly
    where monthly.month_number < (select max(months.month_number) from months)
    union all
    select
        movements.source,
        movements.customer_id,
        months.month_number,
        -movements.amount as mrr_amount,
        -movements.customer_delta as customers
    from {{ ref('fct_mrr_movements') }} as movements
    inner join months on movements.month_end = months.month_end

)

select
    source,
    customer_id,
    month_number,
    sum(mrr_amount) as unexplained_amount,
    sum(customers) as unexplained_customers
from levels
group by source, customer_id, month_number
having sum(mrr_amount) <> 0 or sum(customers) <> 0
