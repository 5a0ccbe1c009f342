-- One row per snapshot_date x fiscal quarter that coverage looks at x segment, `(all)` included:
-- the amounts that coverage compares.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

cells as (

    select
        cells.*,
        case when cells.target_amount is null then cells.open_amount else 0 end
            as untargeted_open_amount,
        expected.expected_amount,
        coalesce(expected.unrated_cells, 0) as unrated_cells
    from {{ ref('int_coverage_cells') }} as cells
    left join {{ ref('int_coverage_expected') }} as expected
        on
            cells.snapshot_date = expected.snapshot_date
            and cells.fiscal_quarter = expected.fiscal_quarter
            and cells.segment = expected.segment

),

company_targets as (

    select * from {{ ref('int_coverage_targets') }}
    where segment = '(all)'

),

company as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        '(all)' as segment,
        coalesce(sum(cells.open_opportunities), 0) as open_opportunities,
        coalesce(sum(cells.open_amount), 0) as open_amount,
        coalesce(sum(cells.untargeted_open_amount), 0) as untargeted_open_amount,
        coalesce(sum(cells.past_due_open_amount), 0) as past_due_open_amount,
        coalesce(sum(cells.won_opportunities), 0) as won_opportunities,
        coalesce(sum(cells.won_amount), 0) as won_amount,
        sum(cells.target_amount) as target_amount,
        sum(cells.expected_amount) as expected_amount,
        coalesce(sum(cells.unrated_cells), 0) as unrated_cells
    from coverage_days
    left join cells
        on
            coverage_days.snapshot_date = cells.snapshot_date
            and coverage_days.fiscal_quarter = cells.fiscal_quarter
    group by coverage_days.snapshot_date, coverage_days.fiscal_quarter

),

segments as (

    select
        company.snapshot_date,
        company.fiscal_quarter,
        company.segment,
        company.open_opportunities,
        company.open_amount,
        company.untargeted_open_amount,
        company.past_due_open_amount,
        company.won_opportunities,
        company.won_amount,
        coalesce(company_targets.target_amount, company.target_amount) as target_amount,
        company.expected_amount,
        company.unrated_cells
    from company
    left join company_targets
        on
            company.fiscal_quarter = company_targets.fiscal_quarter
            and company.snapshot_date >= company_targets.valid_from
            and company.snapshot_date < company_targets.valid_to
    union all
    select
        cells.snapshot_date,
        cells.fiscal_quarter,
        cells.segment,
        cells.open_opportunities,
        cells.open_amount,
        cells.untargeted_open_amount,
        cells.past_due_open_amount,
        cells.won_opportunities,
        cells.won_amount,
        cells.target_amount,
        cells.expected_amount,
        cells.unrated_cells
    from cells
    where
        cells.open_opportunities > 0
        or cells.won_opportunities > 0
        or cells.target_amount is not null

)

select
    segments.snapshot_date,
    segments.fiscal_quarter,
    segments.segment,

    -- numerics
    cast(segments.open_opportunities as integer) as open_opportunities,
    cast(segments.open_amount as decimal(18, 2)) as open_amount,
    cast(segments.untargeted_open_amount as decimal(18, 2)) as untargeted_open_amount,
    cast(segments.past_due_open_amount as decimal(18, 2)) as past_due_open_amount,
    cast(segments.won_opportunities as integer) as won_opportunities,
    cast(segments.won_amount as decimal(18, 2)) as won_amount,
    cast(segments.target_amount as decimal(18, 2)) as target_amount,
    cast(segments.target_amount - segments.won_amount as decimal(18, 2))
        as remaining_target_amount,
    cast(
        case when segments.unrated_cells = 0 then coalesce(segments.expected_amount, 0) end
        as decimal(18, 2)
    ) as expected_amount
from segments
