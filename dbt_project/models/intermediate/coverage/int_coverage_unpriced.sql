-- One row per snapshot_date x fiscal quarter x segment, `(all)` included, with open opportunities
-- in a currency without a rate: which currencies.
with

unpriced as (

    select * from {{ ref('int_pipeline_unpriced') }}

),

named as (

    select
        unpriced.snapshot_date,
        unpriced.close_fiscal_quarter as fiscal_quarter,
        unpriced.segment,
        {{ listed('unpriced.currency_code') }} as unpriced_currencies
    from unpriced
    group by unpriced.snapshot_date, unpriced.close_fiscal_quarter, unpriced.segment
    union all
    select
        unpriced.snapshot_date,
        unpriced.close_fiscal_quarter as fiscal_quarter,
        '(all)' as segment,
        {{ listed('unpriced.currency_code') }} as unpriced_currencies
    from unpriced
    group by unpriced.snapshot_date, unpriced.close_fiscal_quarter

)

select * from named
