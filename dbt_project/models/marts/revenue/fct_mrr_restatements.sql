-- One row per metric x fiscal_quarter x customer x segment x snapshot_date x cause: what the
-- customer counted in the number as it was known on the quarter's last day (`reported`), and what
-- later days made of it.
{#- Whoever paid twelve months before is followed in the segment of that day. -#}
{%- set metrics = [
    ('mrr', 'mrr_segment', 'customers.mrr_amount'),
    ('cohort_mrr', 'base_segment', 'customers.base_amount'),
    ('nrr', 'base_segment', 'case
                when customers.base_amount > 0 or customers.is_base_unpriced
                    then customers.mrr_amount
                else 0
            end'),
    ('grr', 'base_segment', 'least(customers.mrr_amount, customers.base_amount)'),
] %}
with

customers as (

    select * from {{ ref('int_mrr_as_known') }}

),

known as (

    {%- for metric, segment, amount in metrics %}
        select
            '{{ metric }}' as metric,
            customers.fiscal_quarter,
            customers.end_date,
            customers.source,
            customers.customer_id,
            customers.snapshot_date,
            customers.{{ segment }} as segment,
            {{ amount }} as amount
        from customers
        {{ 'union all' if not loop.last }}
    {%- endfor %}

),

recalled as (

    select
        known.*,
        lag(known.segment) over earlier as previous_segment,
        coalesce(lag(known.amount) over earlier, 0) as previous_amount
    from known
    window earlier as (
        partition by known.metric, known.fiscal_quarter, known.source, known.customer_id
        order by known.snapshot_date nulls last
    )

),

signs as (

    select -1 as direction
    union all
    select 1 as direction

),

-- The segment at the old amount first, then the rest.
moved as (

    select
        recalled.metric,
        recalled.fiscal_quarter,
        recalled.source,
        recalled.customer_id,
        case when signs.direction = 1 then recalled.segment else recalled.previous_segment end
            as segment,
        'segment' as cause,
        signs.direction * recalled.previous_amount as amount,
        signs.direction as customer_delta,
        recalled.snapshot_date
    from recalled
    cross join signs
    where
        recalled.previous_amount > 0
        and recalled.amount > 0
        and recalled.previous_segment <> recalled.segment
    union all
    select
        recalled.metric,
        recalled.fiscal_quarter,
        recalled.source,
        recalled.customer_id,
        case when recalled.amount = 0 then recalled.previous_segment else recalled.segment end
            as segment,
        case
            when recalled.snapshot_date = recalled.end_date then 'reported'
            when recalled.previous_amount = 0 then 'entered'
            when recalled.amount = 0 then 'left'
            else 'edited'
        end as cause,
        recalled.amount - recalled.previous_amount as amount,
        case
            when recalled.previous_amount = 0 then 1
            when recalled.amount = 0 then -1
            else 0
        end as customer_delta,
        recalled.snapshot_date
    from recalled
    where recalled.amount <> recalled.previous_amount

),

restatements as (

    select
        -- ids
        moved.metric,
        moved.fiscal_quarter,
        moved.source,
        moved.customer_id,

        -- attributes
        moved.segment,
        moved.cause,

        -- numerics
        cast(moved.amount as decimal(18, 2)) as amount,
        cast(moved.customer_delta as integer) as customer_delta,

        -- dates
        moved.snapshot_date
    from moved

)

select * from restatements
