-- One row per snapshot_date x fiscal_quarter x team x road x list x step_order x reason x
-- opportunity (and line of the list): what makes a team's number another than the one pipeline
-- number.
{%- set reasons = [
    'unknown_id', 'doubled', 'deleted', 'merged', 'unmapped', 'won', 'lost', 'other_quarter',
    'currency', 'amount', 'created_since', 'not_listed', 'equal', 'unexplained',
] %}
{%- set counts = ['our_opportunities', 'their_opportunities', 'our_amount', 'their_amount'] %}
{%- set shared = [
    'snapshot_date', 'fiscal_quarter', 'team', 'source', 'opportunity_id',
] + counts %}
with

rule_changes as (

    select * from {{ ref('int_reconciliation_rule_changes') }}
    where is_itemised

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

line_items as (

    select * from {{ ref('int_reconciliation_line_items') }}

),

lacking as (

    select * from {{ ref('int_reconciliation_lacking') }}

),

reported as (

    select * from {{ ref('int_reconciliation_reported') }}

),

items as (

    select
        'rule' as road,
        '(none)' as list_source,
        '(none)' as list_id,
        rule_changes.step as reason,
        null as line_number,
        null as listed_opportunity_id,
        false as is_matched_by_name,
        null as equals_day,
        rule_changes.step_order,
        {%- for column in shared %}
            {{ 'opportunities' if column in ['source', 'opportunity_id'] else 'rule_changes' }}
            .{{- column }}
            {%- if not loop.last %},{% endif %}
        {%- endfor %}
    from rule_changes
    inner join opportunities on rule_changes.opportunity_key = opportunities.opportunity_key
    where
        rule_changes.our_amount <> rule_changes.their_amount
        or rule_changes.our_opportunities <> rule_changes.their_opportunities
    {%- for relation in ['line_items', 'lacking', 'reported'] %}
        union all
        select
            {{ relation }}.road,
            {{ relation }}.list_source,
            {{ relation }}.list_id,
            {{ relation }}.reason,
            {{ relation }}.line_number,
            {{ relation }}.listed_opportunity_id,
            {{ relation }}.is_matched_by_name,
            {{ relation }}.equals_day,
            {{ relation }}.step_order,
            {%- for column in shared %}
                {{ relation }}.{{ column }}
                {%- if not loop.last %},{% endif %}
            {%- endfor %}
        from {{ relation }}
    {%- endfor %}

),

typed as (

    select
        -- ids
        items.snapshot_date,
        items.fiscal_quarter,
        items.team,
        items.road,
        items.list_source,
        items.list_id,
        cast(coalesce(
            items.step_order,
            case items.reason
                {%- for reason in reasons %}
                    when '{{ reason }}' then {{ loop.index }}
                {%- endfor %}
            end
        ) as integer) as step_order,
        items.reason,
        items.source,
        items.opportunity_id,
        cast(items.line_number as integer) as line_number,
        items.listed_opportunity_id,

        -- flags
        items.is_matched_by_name,

        -- numerics
        cast(items.their_amount - items.our_amount as decimal(18, 2)) as amount,
        cast(items.their_opportunities - items.our_opportunities as integer) as opportunity_delta,
        cast(items.our_amount as decimal(18, 2)) as our_amount,
        cast(items.their_amount as decimal(18, 2)) as their_amount,

        -- dates
        cast(items.equals_day as date) as equals_day
    from items

)

select * from typed
