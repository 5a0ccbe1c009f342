-- One row per fiscal_quarter x segment x forecast_category x anchor_date, `(all)` included: what
-- was due in the quarter on that day, and what became of it by the quarter's last captured day.
{%- set groups = [
    'due', 'won', 'won_elsewhere', 'lost', 'slipped', 'overdue', 'gone', 'pulled_in',
    'created_and_won',
] %}
{%- set counts = groups + ['slipped_later_won', 'slipped_later_open'] %}
{%- set amounts = [] %}
{%- for group in groups %}
    {%- do amounts.append(group ~ '_amount') %}
{%- endfor %}
with

deals as (

    select * from {{ ref('int_slippage_deals') }}

),

anchors as (

    select * from {{ ref('int_slippage_anchors') }}

),

evidence as (

    select * from {{ ref('int_win_evidence') }}
    where dimension = '(all)'

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

counted as (

    select
        deals.fiscal_quarter,
        deals.anchor_date,
        deals.segment,
        deals.forecast_category,
        {%- for group in groups %}
            {%- set belongs = "= '" ~ group ~ "'" %}
            {%- if group == 'due' %}
                {%- set belongs = "not in ('pulled_in', 'created_and_won')" %}
            {%- endif %}
            case when deals.outcome {{ belongs }} then 1 else 0 end as {{ group }},
            case
                when deals.outcome {{ belongs }} then deals.amount
                else 0
            end as {{ group }}_amount,
        {%- endfor %}
        case when deals.later_outcome = 'won' then 1 else 0 end as slipped_later_won,
        case when deals.later_outcome = 'open' then 1 else 0 end as slipped_later_open
    from deals

),

totals as (

    {{ with_all(
        'counted',
        all_of=['segment', 'forecast_category'],
        others=['fiscal_quarter', 'anchor_date'],
        sums=counts + amounts,
    ) }}

),

-- On a day on which nothing is due, the row `(all)` says so.
cells as (

    select
        totals.fiscal_quarter,
        totals.anchor_date,
        totals.segment,
        totals.forecast_category
    from totals
    union
    select
        anchors.fiscal_quarter,
        anchors.anchor_date,
        '(all)' as segment,
        '(all)' as forecast_category
    from anchors

),

filled as (

    select
        {%- for measure in counts %}
            cast(coalesce(totals.{{ measure }}, 0) as integer) as {{ measure }},
        {%- endfor %}
        {%- for measure in amounts %}
            cast(coalesce(totals.{{ measure }}, 0) as decimal(18, 2)) as {{ measure }},
        {%- endfor %}
        cells.fiscal_quarter,
        cells.segment,
        cells.forecast_category,
        cells.anchor_date,
        anchors.as_of_date,
        anchors.is_final,
        anchors.has_later,
        evidence.missing_column,
        policy.small_sample
    from cells
    inner join anchors
        on
            cells.fiscal_quarter = anchors.fiscal_quarter
            and cells.anchor_date = anchors.anchor_date
    left join totals
        on
            cells.fiscal_quarter = totals.fiscal_quarter
            and cells.anchor_date = totals.anchor_date
            and cells.segment = totals.segment
            and cells.forecast_category = totals.forecast_category
    cross join evidence
    cross join policy

),

slippage as (

    select
        -- ids
        filled.fiscal_quarter,
        filled.segment,
        filled.forecast_category,
        filled.anchor_date,

        -- attributes
        filled.as_of_date,
        filled.segment = '(all)' or filled.forecast_category = '(all)' as is_total,
        filled.is_final,
        case when filled.missing_column is null then 'evaluated' else 'not_evaluated' end as status,
        filled.missing_column as evidence,
        filled.due < filled.small_sample as is_small_sample,

        -- counts and amounts
        {%- for group in groups %}
            filled.{{ group }},
            filled.{{ group }}_amount,
        {%- endfor %}
        case when filled.has_later then filled.slipped_later_won end as slipped_later_won,
        case when filled.has_later then filled.slipped_later_open end as slipped_later_open,

        -- rates
        cast(filled.slipped_amount + filled.overdue_amount as double)
        / nullif(cast(filled.due_amount as double), 0) as slip_rate,
        cast(filled.slipped + filled.overdue as double) / nullif(filled.due, 0) as slip_count_rate,
        case
            when filled.has_later
                then
                    cast(filled.slipped_later_won as double)
                    / nullif(filled.slipped + filled.overdue, 0)
        end as later_won_rate
    from filled

)

select * from slippage
