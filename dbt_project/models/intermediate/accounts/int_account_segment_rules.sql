-- One row per segment rule x period in which the same rules are in force, ranked: the first match
-- counts.
with

segments as (

    select * from {{ ref('stg_segments') }}

),

-- All rows of a segment's latest valid_from together replace the earlier ones.
rule_sets as (

    select
        segments.segment,
        segments.valid_from,
        cast(coalesce(
            lead(segments.valid_from) over (
                partition by segments.segment
                order by segments.valid_from nulls last
            ),
            {{ end_of_time() }}
        ) as date) as valid_to
    from segments
    group by segments.segment, segments.valid_from

),

period_starts as (

    select segments.valid_from from segments
    union
    select {{ beginning_of_time() }} as valid_from

),

periods as (

    select
        period_starts.valid_from,
        cast(coalesce(
            lead(period_starts.valid_from) over (order by period_starts.valid_from nulls last),
            {{ end_of_time() }}
        ) as date) as valid_to
    from period_starts

),

-- A list is written `a|b`, or `a, b` where no value has a comma of its own.
rules as (

    select
        periods.valid_from as period_from,
        periods.valid_to as period_to,
        segments.segment,
        segments.rule_column,
        segments.rule_operator,
        case
            when segments.rule_column <> 'is_target_account' then segments.rule_value
            when lower(segments.rule_value) in ('true', 'yes', '1') then 'true'
            else 'false'
        end as rule_value,
        {{ cast_from_ledger('segments.rule_value', 'string', 'decimal(38, 6)') }} as rule_number,
        '|' || case
            when {{ dbt.position("'|'", 'segments.rule_value') }} > 0 then segments.rule_value
            else replace(replace(segments.rule_value, ', ', ','), ',', '|')
        end || '|' as rule_list,
        cast(row_number() over (
            partition by periods.valid_from
            order by segments.priority nulls last, segments.segment nulls last
        ) as integer) as rule_rank
    from periods
    left join rule_sets
        on periods.valid_from >= rule_sets.valid_from and periods.valid_from < rule_sets.valid_to
    left join segments
        on
            rule_sets.segment = segments.segment
            and rule_sets.valid_from = segments.valid_from

)

select * from rules
