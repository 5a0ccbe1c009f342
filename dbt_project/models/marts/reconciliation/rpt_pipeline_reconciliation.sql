-- One row per snapshot_date x fiscal_quarter x team x road x list x step_order x reason: from the
-- one pipeline number (`(start)`) to the team's. The amounts of all steps add up to theirs.
{%- set bridge = ['snapshot_date', 'fiscal_quarter', 'team', 'road', 'list_source', 'list_id'] %}
with

starts as (

    select * from {{ ref('int_reconciliation_starts') }}

),

views as (

    select * from {{ ref('int_reconciliation_views') }}

),

rule_changes as (

    select * from {{ ref('int_reconciliation_rule_changes') }}

),

items as (

    select * from {{ ref('fct_reconciliation_items') }}
    where road = 'list' or reason = 'unexplained'

),

equal_days as (

    select * from {{ ref('int_reconciliation_equal_days') }}

),

rule_totals as (

    select
        rule_changes.snapshot_date,
        rule_changes.fiscal_quarter,
        rule_changes.team,
        rule_changes.step_order,
        sum(rule_changes.their_amount - rule_changes.our_amount) as amount,
        sum(rule_changes.their_opportunities - rule_changes.our_opportunities) as opportunities
    from rule_changes
    group by
        rule_changes.snapshot_date,
        rule_changes.fiscal_quarter,
        rule_changes.team,
        rule_changes.step_order

),

-- A step of a team's view has a row even where it changes nothing.
changes as (

    select
        {%- for column in bridge %}
            starts.{{ column }},
        {%- endfor %}
        0 as step_order,
        '(start)' as reason,
        starts.amount,
        starts.opportunities
    from starts
    union all
    select
        {%- for column in bridge %}
            starts.{{ column }},
        {%- endfor %}
        views.step_order,
        views.step as reason,
        coalesce(rule_totals.amount, 0) as amount,
        coalesce(rule_totals.opportunities, 0) as opportunities
    from starts
    inner join views
        on
            starts.road = 'rule'
            and starts.team = views.team
            and starts.snapshot_date >= views.valid_from
            and starts.snapshot_date < views.valid_to
            and views.step_order > 0
            and views.missing_column is null
    left join rule_totals
        on
            starts.snapshot_date = rule_totals.snapshot_date
            and starts.fiscal_quarter = rule_totals.fiscal_quarter
            and starts.team = rule_totals.team
            and views.step_order = rule_totals.step_order
    union all
    select
        {%- for column in bridge %}
            items.{{ column }},
        {%- endfor %}
        items.step_order,
        items.reason,
        sum(items.amount) as amount,
        sum(items.opportunity_delta) as opportunities
    from items
    group by
        {%- for column in bridge %}
            items.{{ column }},
        {%- endfor %}
        items.step_order,
        items.reason

),

reconciliation as (

    select
        -- ids
        {%- for column in bridge %}
            changes.{{ column }},
        {%- endfor %}
        cast(changes.step_order as integer) as step_order,
        changes.reason,

        -- attributes
        starts.as_of,
        case when starts.missing_column is null then 'evaluated' else 'not_evaluated' end as status,
        starts.missing_column as evidence,
        starts.is_latest,
        starts.is_complete,

        -- counts and amounts
        cast(changes.amount as decimal(18, 2)) as amount,
        cast(changes.opportunities as integer) as opportunities,
        cast(sum(changes.amount) over so_far as decimal(18, 2)) as amount_after,
        cast(starts.amount as decimal(18, 2)) as start_amount,
        cast(starts.opportunities as integer) as start_opportunities,
        cast(sum(changes.amount) over whole as decimal(18, 2)) as their_amount,
        cast(sum(changes.opportunities) over whole as integer) as their_opportunities,

        -- the day that the list describes
        equal_days.equals_day,
        cast(equal_days.equal_lines as integer) as equal_lines
    from changes
    inner join starts
        on
            {%- for column in bridge %}
                {{ 'and ' if not loop.first }}changes.{{ column }} = starts.{{ column }}
            {%- endfor %}
    left join equal_days
        on
            {%- for column in ['list_source', 'list_id', 'team', 'as_of', 'fiscal_quarter'] %}
                {{ 'and ' if not loop.first }}starts.{{ column }} = equal_days.{{ column }}
            {%- endfor %}
    window
        whole as (
            partition by
                {%- for column in bridge %}
                    changes.{{ column }}
                    {%- if not loop.last %},{% endif %}
                {%- endfor %}
        ),
        so_far as (
            partition by
                {%- for column in bridge %}
                    changes.{{ column }}
                    {%- if not loop.last %},{% endif %}
                {%- endfor %}
            order by changes.step_order nulls last
            rows between unbounded preceding and current row
        )

)

select * from reconciliation
