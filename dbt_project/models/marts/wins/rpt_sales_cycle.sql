-- One row per cohort fiscal_quarter x segment x opportunity_type x pipeline x from_stage x day,
-- `(all)` included: what became, by that day, of those who entered the stage.
with

shares as (

    select * from {{ ref('int_cycle_shares') }}

),

risk_sets as (

    select * from {{ ref('int_cycle_risk_sets') }}

),

extracted as (

    select * from {{ ref('stg_extracted_columns') }}
    where entity = 'opportunity' and column_name = 'created_at'

),

policy as (

    select * from {{ ref('int_metric_policy') }}
    where is_latest

),

dated as (

    select count(*) > 0 as is_dated
    from extracted

),

cohorts as (

    select
        risk_sets.cohort_key,
        risk_sets.fiscal_quarter,
        risk_sets.segment,
        risk_sets.opportunity_type,
        risk_sets.pipeline,
        risk_sets.from_stage,
        sum(risk_sets.entered) as entered,
        sum(risk_sets.undated) as undated,
        sum(risk_sets.already_closed) as already_closed,
        sum(risk_sets.won) as won
    from risk_sets
    group by
        risk_sets.cohort_key,
        risk_sets.fiscal_quarter,
        risk_sets.segment,
        risk_sets.opportunity_type,
        risk_sets.pipeline,
        risk_sets.from_stage

),

-- What is known of a cohort in the end.
ends as (

    select
        shares.cohort_key,
        max(case when shares.closed > 0 then shares.day end) as last_event_day,
        max(case when not shares.is_unknown then shares.won_share end) as won_share,
        min(case when not shares.is_unknown then shares.open_share end) as open_share
    from shares
    group by shares.cohort_key

),

medians as (

    select
        shares.cohort_key,
        min(case
            when
                not shares.is_unknown
                and ends.won_share > 0
                and shares.won_share >= ends.won_share / 2 - 1e-9
                then shares.day
        end) as median_days_won,
        cast(
            min(case when 2 * shares.won_so_far >= cohorts.won then shares.day end)
            + min(case when 2 * shares.won_so_far > cohorts.won then shares.day end) as double
        ) / 2 as median_days_won_naive
    from shares
    inner join ends on shares.cohort_key = ends.cohort_key
    inner join cohorts on shares.cohort_key = cohorts.cohort_key
    where cohorts.won > 0
    group by shares.cohort_key

),

looked_at as (

    select
        shares.*,
        '|' || policy.sales_cycle_days || '|'
        like '%|' || cast(shares.day as {{ dbt.type_string() }}) || '|%' as is_listed_day,
        coalesce(shares.day = ends.last_event_day, false) as is_last_event_day,
        not shares.is_unknown and cohorts.entered > 0 as is_known,
        cohorts.from_stage = '(created)' and not dated.is_dated as is_undated,
        cohorts.entered < policy.small_sample as is_small_sample,
        cohorts.entered > 0
        and coalesce(ends.open_share < policy.mature_open_share - 1e-9, false) as is_mature
    from shares
    inner join ends on shares.cohort_key = ends.cohort_key
    inner join cohorts on shares.cohort_key = cohorts.cohort_key
    cross join policy
    cross join dated

),

cycles as (

    select
        -- ids
        cohorts.fiscal_quarter,
        cohorts.segment,
        cohorts.opportunity_type,
        cohorts.pipeline,
        cohorts.from_stage,
        looked_at.day,

        -- attributes
        '(all)' in (
            cohorts.fiscal_quarter, cohorts.segment, cohorts.opportunity_type, cohorts.pipeline
        ) as is_total,
        case
            when looked_at.is_undated then 'not_evaluated'
            when cohorts.entered = 0 then 'no_entries'
            when looked_at.is_unknown then 'risk_set_too_small'
            when looked_at.at_risk = 0 and looked_at.open_share > 0 then 'beyond_follow_up'
            else 'evaluated'
        end as status,
        case when looked_at.is_undated then 'created_at' end as evidence,
        looked_at.is_small_sample,
        looked_at.is_mature,
        looked_at.is_listed_day,
        looked_at.is_last_event_day,

        -- counts
        cast(cohorts.entered as integer) as entered,
        cast(looked_at.won_so_far as integer) as won,
        cast(looked_at.lost_so_far as integer) as lost,
        cast(looked_at.censored_so_far as integer) as censored,
        cast(looked_at.at_risk as integer) as at_risk,
        cast(looked_at.reopened_so_far as integer) as reopened,
        cast(cohorts.undated as integer) as undated,
        cast(cohorts.already_closed as integer) as already_closed,

        -- shares and days
        case when looked_at.is_known then looked_at.won_share end as won_share,
        case when looked_at.is_known then looked_at.lost_share end as lost_share,
        case when looked_at.is_known then looked_at.open_share end as open_share,
        medians.median_days_won,
        medians.median_days_won_naive
    from looked_at
    inner join cohorts on looked_at.cohort_key = cohorts.cohort_key
    left join medians on looked_at.cohort_key = medians.cohort_key
    where looked_at.is_listed_day or looked_at.is_last_event_day

)

select * from cycles
