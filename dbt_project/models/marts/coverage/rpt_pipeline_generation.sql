-- One row per fiscal_quarter x segment x dimension x dimension_value x week_start_date, `(all)`
-- included: what each week of a quarter created, and what must still be created in a week.
{%- set counts = [
    'created_opportunities', 'created_renewal_opportunities', 'created_won_opportunities',
    'reported_created_won_opportunities',
] %}
{%- set amounts = [
    'created_amount', 'created_renewal_amount', 'created_won_amount', 'reported_created_won_amount',
] %}
{%- set of_whole = [
    'yield_opportunities', 'yield_created_amount', 'yield_won_amount', 'is_yield_of_all_segments',
    'yield_rate',
] %}
with

created as (

    select * from {{ ref('int_generation_weeks') }}

),

yields as (

    select * from {{ ref('int_generation_yields') }}

),

needs as (

    select * from {{ ref('int_generation_needs') }}

),

evidence as (

    select * from {{ ref('stg_extracted_columns') }}
    where entity = 'opportunity'

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

extracted as (

    select
        count(*) filter (where evidence.column_name = 'close_date') > 0 as has_close_date,
        count(*) filter (where evidence.column_name = 'lead_source') > 0 as has_lead_source
    from evidence

),

-- Each week of a quarter, whether it created anything or not; a lead source in weeks with created.
cells as (

    select
        yields.fiscal_quarter,
        yields.segment,
        '(all)' as dimension,
        '(all)' as dimension_value,
        yields.week_start_date
    from yields
    union all
    select
        created.fiscal_quarter,
        created.segment,
        created.dimension,
        created.dimension_value,
        created.week_start_date
    from created
    where created.dimension <> '(all)'

),

weeks as (

    select
        cells.*,
        yields.weeks_to_quarter_end,
        yields.as_of_date,
        yields.is_final,
        {%- for measure in of_whole %}
            case when cells.dimension = '(all)' then yields.{{ measure }} end as {{ measure }},
        {%- endfor %}
        {%- for measure in counts %}
            case
                when not yields.is_to_come
                    then cast(coalesce(created.{{ measure }}, 0) as integer)
            end as {{ measure }},
        {%- endfor %}
        {%- for measure in amounts %}
            case
                when not yields.is_to_come
                    then cast(coalesce(created.{{ measure }}, 0) as decimal(18, 2))
            end as {{ measure }},
        {%- endfor %}
        case
            when yields.is_later_known
                then cast(coalesce(created.amount_after_28_days, 0) as decimal(18, 2))
        end as amount_after_28_days
    from cells
    inner join yields
        on
            cells.fiscal_quarter = yields.fiscal_quarter
            and cells.segment = yields.segment
            and cells.week_start_date = yields.week_start_date
    left join created
        on
            cells.fiscal_quarter = created.fiscal_quarter
            and cells.segment = created.segment
            and cells.dimension = created.dimension
            and cells.dimension_value = created.dimension_value
            and cells.week_start_date = created.week_start_date

),

generation as (

    select
        -- ids
        weeks.fiscal_quarter,
        weeks.segment,
        weeks.dimension,
        weeks.dimension_value,
        weeks.week_start_date,

        -- attributes
        weeks.weeks_to_quarter_end,
        weeks.as_of_date,
        weeks.is_final,
        weeks.segment = '(all)' or weeks.dimension = '(all)' as is_total,
        case
            when
                not extracted.has_close_date
                or (weeks.dimension = 'lead_source' and not extracted.has_lead_source)
                then 'not_evaluated'
            when needs.target_amount is null then 'no_target'
            when coalesce(needs.gap_amount, needs.remaining_target_amount) <= 0 then 'covered'
            when needs.gap_amount is null or needs.remaining_yield is null then 'not_evaluated'
            when needs.remaining_yield <= 0 then 'unreachable'
            else 'open'
        end as status,
        case
            when not extracted.has_close_date then 'close_date'
            when weeks.dimension = 'lead_source' and not extracted.has_lead_source
                then 'lead_source'
        end as evidence,

        -- what the week created
        {%- for measure in counts %}
            weeks.{{ measure }},
        {%- endfor %}
        {%- for measure in amounts %}
            weeks.{{ measure }},
        {%- endfor %}
        weeks.amount_after_28_days,

        -- what such weeks came to
        {%- for measure in of_whole %}
            weeks.{{ measure }},
        {%- endfor %}
        weeks.yield_opportunities < policy.small_sample as is_small_sample,

        -- what the quarter still needs
        needs.target_amount,
        needs.won_amount,
        needs.expected_amount,
        needs.gap_amount,
        cast(needs.remaining_yield as double) as remaining_yield,
        needs.needed_amount_per_week,
        needs.recent_created_amount,
        cast(needs.needed_amount_per_week * needs.creation_mean_weeks as double)
        / nullif(cast(needs.recent_created_amount as double), 0) as needed_multiple,
        needs.last_useful_week
    from weeks
    cross join extracted
    cross join policy
    left join needs
        on
            weeks.fiscal_quarter = needs.fiscal_quarter
            and weeks.segment = needs.segment
            and weeks.dimension = '(all)'

)

select * from generation
