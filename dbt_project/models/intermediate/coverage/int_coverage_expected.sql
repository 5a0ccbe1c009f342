-- One row per snapshot_date x fiscal quarter that coverage looks at x segment with open
-- opportunities: what past quarters let expect of them.
with

shares as (

    select * from {{ ref('int_coverage_shares') }}

),

amounts as (

    select
        shares.snapshot_date,
        shares.fiscal_quarter,
        shares.segment,
        {{ rounded_share(
            'shares.open_amount', 'shares.yield_won_amount', 'shares.yield_open_amount'
        ) }} as expected_amount
    from shares

),

expected as (

    select
        amounts.snapshot_date,
        amounts.fiscal_quarter,
        amounts.segment,
        sum(amounts.expected_amount) as expected_amount,
        count(*) filter (where amounts.expected_amount is null) as unrated_cells
    from amounts
    group by amounts.snapshot_date, amounts.fiscal_quarter, amounts.segment

)

select * from expected
