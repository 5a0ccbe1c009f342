-- One row per fiscal_quarter x segment x purpose x match x model x dimension x dimension_value,
-- `(all)` and `(untouched)` included: what marketing is given of what was created and won.
{%- set models = ['first', 'last', 'linear', 'position'] %}
{%- set matches = ['headline', 'role', 'converted', 'account'] %}
{%- set measures = [
    'opportunities', 'influenced_amount', 'untouched_amount', 'booked_amount',
    'lead_source_amount', 'creation_amount', 'before_sales_amount',
] %}
with

cells as (

    select * from {{ ref('int_attribution_cells') }}

),

costs as (

    select * from {{ ref('int_attribution_costs') }}

),

evidence as (

    select * from {{ ref('int_attribution_evidence') }}

),

quarters as (

    select * from {{ ref('int_win_quarters') }}
    where is_restated

),

extracted as (

    select * from {{ ref('stg_extracted_columns') }}

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

known as (

    select
        count(*) filter (
            where extracted.entity = 'opportunity' and extracted.column_name = 'lead_source'
        ) > 0 as has_lead_sources,
        count(*) filter (
            where extracted.entity = 'activity' and extracted.column_name = 'occurred_at'
        ) > 0 as has_activities
    from extracted

),

-- What was spent is of no segment.
spent as (

    {%- for dimension, value in {
        '(all)': "'(all)'", 'channel': 'costs.channel', 'campaign': 'costs.campaign_id',
    }.items() %}
        select
            costs.fiscal_quarter,
            '{{ dimension }}' as dimension,
            {{ value }} as dimension_value,
            cast(
                case when count(*) = count(costs.cost_amount) then sum(costs.cost_amount) end
                as decimal(18, 2)
            ) as cost_amount
        from costs
        group by
            {%- if dimension != '(all)' %}
                {{ value }},
            {%- endif %}
            costs.fiscal_quarter
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

-- Spend without results has rows, too.
rows_of_spend as (

    {%- for purpose in ['sourced', 'won'] %}
        {%- for match in matches %}
            select
                spent.fiscal_quarter,
                '(all)' as segment,
                '{{ purpose }}' as purpose,
                '{{ match }}' as match,
                spent.dimension,
                spent.dimension_value
            from spent
            {%- if not loop.last %}
                union all
            {%- endif %}
        {%- endfor %}
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

counted as (

    select
        {%- for model in models %}
            cells.{{ model }}_amount,
            cells.reported_{{ model }}_amount,
        {%- endfor %}
        {%- for measure in measures %}
            cells.{{ measure }},
        {%- endfor %}
        cells.fiscal_quarter,
        cells.segment,
        cells.purpose,
        cells.match,
        cells.dimension,
        cells.dimension_value
    from cells
    union all
    select
        {%- for model in models %}
            0 as {{ model }}_amount,
            0 as reported_{{ model }}_amount,
        {%- endfor %}
        {%- for measure in measures %}
            0 as {{ measure }},
        {%- endfor %}
        rows_of_spend.*
    from rows_of_spend

),

summed as (

    select
        {%- for model in models %}
            sum(counted.{{ model }}_amount) as {{ model }}_amount,
            sum(counted.reported_{{ model }}_amount) as reported_{{ model }}_amount,
        {%- endfor %}
        {%- for measure in measures %}
            sum(counted.{{ measure }}) as {{ measure }},
        {%- endfor %}
        counted.fiscal_quarter,
        counted.segment,
        counted.purpose,
        counted.match,
        counted.dimension,
        counted.dimension_value
    from counted
    group by
        counted.fiscal_quarter,
        counted.segment,
        counted.purpose,
        counted.match,
        counted.dimension,
        counted.dimension_value

),

-- Where nobody could know whom marketing touched, nothing is given to anybody, nor called
-- untouched.
shared as (

    select
        summed.*,
        {%- for model in models %}
            cast(summed.{{ model }}_amount as double)
            / nullif(cast(wholes.{{ model }}_amount as double), 0) as {{ model }}_share,
        {%- endfor %}
        wholes.first_amount as total_amount,
        wholes.opportunities as all_opportunities,
        evidence.is_match_known,
        evidence.missing_column,
        spent.cost_amount
    from summed
    inner join evidence
        on summed.match = evidence.match and summed.dimension = evidence.dimension
    left join summed as wholes
        on
            summed.fiscal_quarter = wholes.fiscal_quarter
            and summed.segment = wholes.segment
            and summed.purpose = wholes.purpose
            and summed.match = wholes.match
            and wholes.dimension = '(all)'
    left join spent
        on
            summed.fiscal_quarter = spent.fiscal_quarter
            and summed.segment = '(all)'
            and summed.dimension = spent.dimension
            and summed.dimension_value = spent.dimension_value
    where evidence.is_match_known or summed.dimension_value <> '(untouched)'

),

by_model as (

    {%- for model in models %}
        select
            shared.*,
            '{{ model }}' as model,
            shared.{{ model }}_amount as model_amount,
            shared.reported_{{ model }}_amount as reported_model_amount,
            shared.{{ model }}_share as model_share
        from shared
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

report as (

    select
        -- ids
        by_model.fiscal_quarter,
        by_model.segment,
        by_model.purpose,
        by_model.match,
        by_model.model,
        by_model.dimension,
        by_model.dimension_value,

        -- attributes
        by_model.segment = '(all)' or by_model.dimension = '(all)' as is_total,
        by_model.model = policy.headline_model as is_headline_model,
        quarters.is_final,
        by_model.all_opportunities < policy.small_sample as is_small_sample,
        case when by_model.missing_column is null then 'evaluated' else 'not_evaluated' end
            as status,
        by_model.missing_column as evidence,

        -- counts and amounts
        cast(by_model.opportunities as integer) as opportunities,
        cast(by_model.total_amount as decimal(18, 2)) as total_amount,
        {%- for name, value in {
            'attributed_amount': 'model_amount',
            'untouched_amount': 'untouched_amount',
            'influenced_amount': 'influenced_amount',
        }.items() %}
            cast(
                case when by_model.is_match_known then by_model.{{ value }} end as decimal(18, 2)
            ) as {{ name }},
        {%- endfor %}
        cast(
            case
                when by_model.is_match_known and quarters.has_report
                    then by_model.reported_model_amount
            end as decimal(18, 2)
        ) as reported_attributed_amount,
        cast(
            case
                when by_model.purpose = 'won' and by_model.dimension = '(all)'
                    then by_model.booked_amount
            end as decimal(18, 2)
        ) as booked_amount,
        by_model.cost_amount,

        -- sourced by marketing, by three rules
        cast(
            case
                when by_model.dimension = '(all)' and known.has_lead_sources
                    then by_model.lead_source_amount
            end as decimal(18, 2)
        ) as sourced_by_lead_source_amount,
        cast(
            case
                when by_model.dimension = '(all)' and by_model.is_match_known
                    then by_model.creation_amount
            end as decimal(18, 2)
        ) as sourced_by_first_touch_amount,
        cast(
            case
                when
                    by_model.dimension = '(all)'
                    and by_model.is_match_known
                    and known.has_activities
                    then by_model.before_sales_amount
            end as decimal(18, 2)
        ) as sourced_before_sales_amount,

        -- ratios
        case when by_model.is_match_known then by_model.model_share end as share,
        case
            when by_model.is_match_known
                then
                    greatest(
                        by_model.first_share,
                        by_model.last_share,
                        by_model.linear_share,
                        by_model.position_share
                    )
                    - least(
                        by_model.first_share,
                        by_model.last_share,
                        by_model.linear_share,
                        by_model.position_share
                    )
        end as model_spread,
        case
            when
                by_model.is_match_known
                and by_model.purpose = 'won'
                and by_model.dimension = '(all)'
                then
                    cast(by_model.creation_amount as double)
                    / nullif(cast(by_model.total_amount as double), 0)
        end as coverage_rate
    from by_model
    left join quarters on by_model.fiscal_quarter = quarters.fiscal_quarter
    cross join policy
    cross join known

),

-- How far the three rules are apart, where all of them can be told.
attribution as (

    select
        report.*,
        cast(
            case
                when
                    report.sourced_by_lead_source_amount
                    + report.sourced_by_first_touch_amount
                    + report.sourced_before_sales_amount
                    is not null
                    then
                        greatest(
                            report.sourced_by_lead_source_amount,
                            report.sourced_by_first_touch_amount,
                            report.sourced_before_sales_amount
                        )
                        - least(
                            report.sourced_by_lead_source_amount,
                            report.sourced_by_first_touch_amount,
                            report.sourced_before_sales_amount
                        )
            end as decimal(18, 2)
        ) as sourced_gap_amount
    from report

)

select * from attribution
