-- One row per snapshot_date x fiscal quarter that coverage looks at x segment, `(all)` included:
-- the amounts that coverage compares.
with

coverage_days as (

    select * from {{ ref('int_coverage_days') }}

),

cells as (

    select * from {{ ref('int_coverage_cells') }}

),

expected as (

    select * from {{ ref('int_coverage_expected') }}

),

company_targets as (

    select * from {{ ref('int_coverage_targets') }}
    where segment = '(all)'

),

rated as (

    select
        cells.*,
        case when cells.target_amount is null then cells.open_amount else 0 end
            as untargeted_open_amount,
        expected.expected_amount,
        coalesce(expected.unrated_cells, 0) as unrated_cells
    from cells
    left join expected
        on
            cells.snapshot_date = expected.snapshot_date
            and cells.fiscal_quarter = expected.fiscal_quarter
            and cells.segment = expected.segment

),

company as (

    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        '(all)' as segment,
        coalesce(sum(rated.open_opportunities), 0) as open_opportunities,
        coalesce(sum(rated.open_amount), 0) as open_amount,
        coalesce(sum(rated.untargeted_open_amount), 0) as untargeted_open_amount,
        coalesce(sum(rated.past_due_open_amount), 0) as past_due_open_amount,
        coalesce(sum(rated.won_opportunities), 0) as won_opportunities,
        coalesce(sum(rated.won_amount), 0) as won_amount,
        sum(rated.target_amount) as target_amount,
        sum(rated.expected_amount) as expected_amount,
        coalesce(sum(rated.unrated_cells), 0) as unrated_cells
    from coverage_days
    left join rated
        on
            coverage_days.snapshot_date = rated.snapshot_date
            and coverage_days.fiscal_quarter = rated.fiscal_quarter
    group by coverage_days.snapshot_date, coverage_days.fiscal_quarter

),

parts as (

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
        rated.snapshot_date,
        rated.fiscal_quarter,
        rated.segment,
        rated.open_opportunities,
        rated.open_amount,
        rated.untargeted_open_amount,
        rated.past_due_open_amount,
        rated.won_opportunities,
        rated.won_amount,
        rated.target_amount,
        rated.expected_amount,
        rated.unrated_cells
    from rated
    where
        rated.open_opportunities > 0
        or rated.won_opportunities > 0
        or rated.target_amount is not null

),

segments as (

    select
        parts.snapshot_date,
        parts.fiscal_quarter,
        parts.segment,

        -- numerics
        cast(parts.open_opportunities as integer) as open_opportunities,
        cast(parts.open_amount as decimal(18, 2)) as open_amount,
        cast(parts.untargeted_open_amount as decimal(18, 2)) as untargeted_open_amount,
        cast(parts.past_due_open_amount as decimal(18, 2)) as past_due_open_amount,
        cast(parts.won_opportunities as integer) as won_opportunities,
        cast(parts.won_amount as decimal(18, 2)) as won_amount,
        cast(parts.target_amount as decimal(18, 2)) as target_amount,
        cast(parts.target_amount - parts.won_amount as decimal(18, 2))
            as remaining_target_amount,
        cast(
            case when parts.unrated_cells = 0 then coalesce(parts.expected_amount, 0) end
            as decimal(18, 2)
        ) as expected_amount
    from parts

)

select * from segments
