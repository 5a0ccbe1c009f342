-- One row per fiscal_quarter x segment x dimension x dimension_value x week_start_date in which
-- opportunities were created, `(all)` included: how many, and what came of them.
{%- set measures = {
    'created_opportunities': 'sided.is_new',
    'created_amount': 'sided.is_new * sided.amount',
    'created_renewal_opportunities': 'sided.is_renewal',
    'created_renewal_amount': 'sided.is_renewal * sided.amount',
    'amount_after_28_days': 'sided.is_new * sided.later_amount',
    'created_won_opportunities': 'sided.is_new * sided.won',
    'created_won_amount': 'sided.is_new * sided.won_amount',
    'reported_created_won_opportunities': 'sided.is_new * sided.reported_won',
    'reported_created_won_amount': 'sided.is_new * sided.reported_won_amount',
} %}
{%- set is_first = 'versions.valid_from = created.snapshot_date' %}
{%- set is_won -%}
    versions.is_won and versions.close_fiscal_quarter = created.fiscal_quarter
{%- endset %}
with

movements as (

    select * from {{ ref('fct_pipeline_movements') }}
    where category = 'created'

),

versions as (

    select * from {{ ref('fct_opportunity_history') }}

),

dates as (

    select * from {{ ref('dim_date') }}

),

created as (

    select
        movements.source,
        movements.opportunity_id,
        dates.fiscal_quarter,
        dates.week_start_date,
        movements.segment,
        movements.amount,
        movements.snapshot_date,
        dates.fiscal_quarter_end_date as end_date,
        cast({{ dbt.dateadd('day', 28, 'movements.snapshot_date') }} as date) as later_date
    from movements
    inner join dates on movements.snapshot_date = dates.date_day

),

followed as (

    select
        created.source,
        created.opportunity_id,
        created.fiscal_quarter,
        created.week_start_date,
        created.segment,
        created.amount,
        max(case when {{ is_first }} then versions.lead_source end) as lead_source,
        max(case when {{ is_first }} then versions.opportunity_type end) as opportunity_type,
        max(
            case
                when
                    versions.valid_from <= created.later_date
                    and versions.valid_to > created.later_date
                    then coalesce(versions.amount, 0)
            end
        ) as later_amount,
        max(case when {{ is_won }} and versions.is_current then coalesce(versions.amount, 0) end)
            as won_amount,
        max(
            case
                when
                    {{ is_won }}
                    and versions.valid_from <= created.end_date
                    and versions.valid_to > created.end_date
                    then coalesce(versions.amount, 0)
            end
        ) as reported_won_amount
    from created
    inner join versions
        on
            created.source = versions.source
            and created.opportunity_id = versions.opportunity_id
    group by 1, 2, 3, 4, 5, 6

),

sided as (

    select
        followed.fiscal_quarter,
        followed.week_start_date,
        followed.segment,
        coalesce(followed.lead_source, '(none)') as lead_source,
        case when followed.opportunity_type = 'renewal' then 0 else 1 end as is_new,
        case when followed.opportunity_type = 'renewal' then 1 else 0 end as is_renewal,
        followed.amount,
        coalesce(followed.later_amount, 0) as later_amount,
        case when followed.won_amount is null then 0 else 1 end as won,
        coalesce(followed.won_amount, 0) as won_amount,
        case when followed.reported_won_amount is null then 0 else 1 end as reported_won,
        coalesce(followed.reported_won_amount, 0) as reported_won_amount
    from followed

),

by_dimension as (

    {%- for dimension in ['(all)', 'lead_source'] %}
        select
            {%- for measure, part in measures.items() %}
                sum({{ part }}) as {{ measure }},
            {%- endfor %}
            {{ "'(all)'" if dimension == '(all)' else 'sided.' ~ dimension }} as dimension_value,
            '{{ dimension }}' as dimension,
            sided.fiscal_quarter,
            sided.segment,
            sided.week_start_date
        from sided
        group by
            {{ '' if dimension == '(all)' else 'sided.' ~ dimension ~ ',' }}
            sided.fiscal_quarter,
            sided.segment,
            sided.week_start_date
        {%- if not loop.last %}
            union all
        {%- endif %}
    {%- endfor %}

),

weeks as (

    {{ with_all(
        'by_dimension',
        all_of=['segment'],
        others=['fiscal_quarter', 'dimension', 'dimension_value', 'week_start_date'],
        sums=measures,
    ) }}

)

select * from weeks
