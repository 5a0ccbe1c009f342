-- One row per cohort fiscal_quarter x segment x opportunity_type x pipeline x from_stage x day,
-- `(all)` included: what became, by that day, of those who entered the stage.
{%- set terms = [
    'fiscal_quarter', 'segment', 'opportunity_type', 'pipeline', 'from_stage'
] %}
with

shares as (

    select * from {{ ref('int_cycle_shares') }}

),

extracted as (

    select * from {{ ref('stg_extracted_columns') }}
    where entity = 'opportunity' and column_name = 'created_at'

),

dated as (

    select count(*) > 0 as is_dated
    from extracted

),

bounded as (

    select
        shares.*,
        shares.looked_at like '%|' || cast(shares.day as {{ dbt.type_string() }}) || '|%'
            as is_listed_day,
        max(shares.known * shares.won_share) over whole as plateau,
        min(shares.known * shares.open_share) over whole as last_open_share
    from shares
    window whole as (partition by {{ terms | join(', ') }})

),

timed as (

    select
        bounded.*,
        min(case
            when
                bounded.known = 1
                and bounded.plateau > 0
                and bounded.won_share >= bounded.plateau / 2 - 1e-9
                then bounded.day
        end) over whole as median_days_won,
        min(case when 2 * bounded.won_so_far >= bounded.all_won then bounded.day end) over whole
            as lower_middle_days,
        min(case when 2 * bounded.won_so_far > bounded.all_won then bounded.day end) over whole
            as upper_middle_days
    from bounded
    window whole as (partition by {{ terms | join(', ') }})

),

looked_at as (

    select
        -- ids
        timed.fiscal_quarter,
        timed.segment,
        timed.opportunity_type,
        timed.pipeline,
        timed.from_stage,
        timed.day,

        -- attributes
        '(all)' in (timed.fiscal_quarter, timed.segment, timed.opportunity_type, timed.pipeline)
            as is_total,
        case
            when timed.from_stage = '(created)' and not dated.is_dated then 'not_evaluated'
            when timed.all_entered = 0 then 'no_entries'
            when timed.is_unknown = 1 then 'risk_set_too_small'
            when timed.at_risk = 0 and timed.open_share > 0 then 'beyond_follow_up'
            else 'evaluated'
        end as status,
        case when timed.from_stage = '(created)' and not dated.is_dated then 'created_at' end
            as evidence,
        timed.all_entered < timed.small_sample as is_small_sample,
        coalesce(timed.last_open_share < timed.mature_open_share - 1e-9, false) as is_mature,
        timed.is_listed_day,
        coalesce(timed.day = timed.last_event_day, false) as is_last_event_day,

        -- counts
        cast(timed.all_entered as integer) as entered,
        cast(timed.won_so_far as integer) as won,
        cast(timed.lost_so_far as integer) as lost,
        cast(timed.censored_so_far as integer) as censored,
        cast(timed.at_risk as integer) as at_risk,
        cast(timed.reopened_so_far as integer) as reopened,
        cast(timed.all_undated as integer) as undated,
        cast(timed.all_already_closed as integer) as already_closed,

        -- shares and days
        timed.known * timed.won_share as won_share,
        timed.known * timed.lost_share as lost_share,
        timed.known * timed.open_share as open_share,
        timed.median_days_won,
        case
            when timed.all_won > 0
                then cast(timed.lower_middle_days + timed.upper_middle_days as double) / 2
        end as median_days_won_naive
    from timed
    cross join dated
    where timed.is_listed_day or timed.day = timed.last_event_day

)

select * from looked_at
