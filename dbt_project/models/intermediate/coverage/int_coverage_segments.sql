-- One row per snapshot_date x fiscal quarter that coverage looks at x segment, `(all)` included:
-- the amounts that coverage compares.
{%- set counts = [
    'open_opportunities', 'unpriced_open_opportunities', 'past_due_open_opportunities',
    'won_opportunities',
] %}
{%- set targeted = [
    'targeted_open_amount', 'targeted_won_amount', 'targeted_expected_amount',
    'targeted_unrated_cells',
] %}
{%- set amounts = ['open_amount', 'past_due_open_amount', 'won_amount'] + targeted[:2] %}
{%- set measures = counts + amounts + ['expected_amount', 'unrated_cells'] + targeted[2:] %}
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

-- What belongs to the segments that have a target, beside the whole.
rated as (

    select
        cells.*,
        {%- for measure in targeted %}
            case when cells.target_amount is null then 0 else {{ measure[9:] }} end
                as {{ measure }},
        {%- endfor %}
        expected.expected_amount,
        expected.unrated_cells
    from cells
    left join expected
        on
            cells.snapshot_date = expected.snapshot_date
            and cells.fiscal_quarter = expected.fiscal_quarter
            and cells.segment = expected.segment

),

parts as (

    select
        rated.snapshot_date,
        rated.fiscal_quarter,
        rated.segment,
        {%- for measure in measures %}
            rated.{{ measure }},
        {%- endfor %}
        rated.target_amount,
        true as is_compared_whole
    from rated
    union all
    select
        coverage_days.snapshot_date,
        coverage_days.fiscal_quarter,
        '(all)' as segment,
        {%- for measure in measures %}
            sum(rated.{{ measure }}) as {{ measure }},
        {%- endfor %}
        coalesce(max(company_targets.target_amount), sum(rated.target_amount)) as target_amount,
        max(company_targets.target_amount) is not null as is_compared_whole
    from coverage_days
    left join rated
        on
            coverage_days.snapshot_date = rated.snapshot_date
            and coverage_days.fiscal_quarter = rated.fiscal_quarter
    left join company_targets
        on
            coverage_days.fiscal_quarter = company_targets.fiscal_quarter
            and coverage_days.snapshot_date >= company_targets.valid_from
            and coverage_days.snapshot_date < company_targets.valid_to
    group by coverage_days.snapshot_date, coverage_days.fiscal_quarter

),

measured as (

    select
        parts.snapshot_date,
        parts.fiscal_quarter,
        parts.segment,
        parts.is_compared_whole,
        {%- for measure in counts %}
            cast(coalesce(parts.{{ measure }}, 0) as integer) as {{ measure }},
        {%- endfor %}
        {%- for measure in amounts %}
            cast(coalesce(parts.{{ measure }}, 0) as decimal(18, 2)) as {{ measure }},
        {%- endfor %}
        {%- for part in ['', 'targeted_'] %}
            cast(
                case
                    when coalesce(parts.{{ part }}unrated_cells, 0) = 0
                        then coalesce(parts.{{ part }}expected_amount, 0)
                end as decimal(18, 2)
            ) as {{ part }}expected_amount,
        {%- endfor %}
        cast(parts.target_amount as decimal(18, 2)) as target_amount
    from parts

),

-- A target that is the sum of the segments' compares with what those segments have.
compared as (

    select
        {%- for measure in ['open_amount', 'won_amount', 'expected_amount'] %}
            case
                when measured.is_compared_whole then measured.{{ measure }}
                else measured.targeted_{{ measure }}
            end as compared_{{ measure }},
        {%- endfor %}
        measured.*
    from measured

),

segments as (

    select
        compared.*,
        cast(compared.open_amount - compared.targeted_open_amount as decimal(18, 2))
            as untargeted_open_amount,
        cast(compared.target_amount - compared.compared_won_amount as decimal(18, 2))
            as remaining_target_amount
    from compared

)

select * from segments
