-- One row per opportunity that ever existed: its latest version, deleted and merged ones flagged.
with

signals as (

    select * from {{ ref('fct_stall_signals') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

states as (

    select * from {{ ref('int_opportunity_states') }}
    where existence = 'existing'

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

absences as (

    select * from {{ ref('int_opportunity_absences') }}

),

stays as (

    select * from {{ ref('int_opportunity_stays') }}

),

pushes as (

    select * from {{ ref('int_opportunity_pushes') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

roles as (

    select * from {{ ref('stg_opportunity_contact_role') }}
    where not is_tombstone

),

captured_roles as (

    select * from {{ ref('stg_extracted_columns') }}
    where entity = 'opportunity_contact_role' and column_name = 'person_id'

),

stalls as (

    select
        signals.source,
        signals.opportunity_id,
        count(*) filter (where signals.status = 'stalled') as stall_count
    from signals
    where signals.status <> 'not_evaluated'
    group by signals.source, signals.opportunity_id

),

last_stays as (

    select
        opportunities.opportunity_key,
        opportunities.source,
        opportunities.opportunity_id,
        max(stays.valid_from) as entered_date,
        max(stays.valid_to) as exited_date
    from stays
    inner join opportunities on stays.opportunity_key = opportunities.opportunity_key
    group by opportunities.opportunity_key, opportunities.source, opportunities.opportunity_id

),

-- The latest version, the latest captured row and the latest stay in a stage all end on the same
-- day.
latest as (

    select
        history.*,
        states.opportunity_name,
        coalesce(absences.absence_kind = 'merged', false) as is_merged,
        coalesce(pushes.push_count, 0) as push_count,
        coalesce(pushes.days_pushed, 0) as days_pushed,
        stalls.stall_count,
        last_stays.entered_date as stage_entered_date,
        sources.last_captured_date,
        case
            when not history.is_current then history.valid_to
            when history.stage_category in ('won', 'lost') then last_stays.entered_date
            else sources.last_captured_date
        end as aged_until_date
    from history
    inner join last_stays
        on
            history.source = last_stays.source
            and history.opportunity_id = last_stays.opportunity_id
            and history.valid_to = last_stays.exited_date
    inner join states
        on
            last_stays.source = states.source
            and last_stays.opportunity_id = states.opportunity_id
            and last_stays.exited_date = states.valid_to
    inner join sources on history.source = sources.source
    left join absences
        on
            history.source = absences.source
            and history.opportunity_id = absences.opportunity_id
            and absences.valid_to = {{ end_of_time() }}
    left join pushes on last_stays.opportunity_key = pushes.opportunity_key
    left join stalls
        on
            history.source = stalls.source
            and history.opportunity_id = stalls.opportunity_id
            and history.is_current

),

-- Who has a role on it today or, where it is gone, had one when it was last there.
contacts as (

    select
        latest.source,
        latest.opportunity_id,
        count(*) as contact_count
    from latest
    inner join roles
        on
            latest.source = roles.source
            and latest.opportunity_id = roles.opportunity_id
            and latest.valid_to > roles.valid_from
            and latest.valid_to <= roles.valid_to
    group by latest.source, latest.opportunity_id

),

current_opportunities as (

    select
        -- ids
        latest.source,
        latest.opportunity_id,
        latest.opportunity_name,
        latest.account_id,
        latest.owner_id,

        -- interval
        latest.valid_from,
        latest.valid_to,
        latest.is_current,
        latest.origin,

        -- attributes
        latest.pipeline,
        latest.stage,
        latest.source_stage,
        latest.stage_order,
        latest.stage_category,
        latest.segment,
        latest.opportunity_type,
        latest.forecast_category,
        latest.lead_source,
        latest.next_step,

        -- flags
        latest.is_open and latest.is_current as is_open,
        latest.is_won and latest.is_current as is_won,
        not latest.is_current as is_deleted,
        latest.is_merged,

        -- numerics
        latest.amount,
        latest.source_amount,
        latest.source_probability,
        latest.source_expected_amount,
        latest.currency_code,
        latest.stage_probability,
        case
            when latest.created_date <= latest.aged_until_date
                then cast({{ dbt.datediff(
                    'latest.created_date', 'latest.aged_until_date', 'day'
                ) }} as integer)
        end as age_days,
        case
            when latest.is_open and latest.is_current
                then cast({{ dbt.datediff(
                    'latest.stage_entered_date', 'latest.last_captured_date', 'day'
                ) }} as integer)
        end as days_in_stage,
        latest.push_count,
        latest.days_pushed,
        cast(latest.stall_count as integer) as stall_count,
        case
            when captured_roles.source is not null
                then cast(coalesce(contacts.contact_count, 0) as integer)
        end as contact_count,

        -- dates
        latest.close_date,
        latest.close_fiscal_quarter,
        latest.created_date
    from latest
    left join captured_roles on latest.source = captured_roles.source
    left join contacts
        on
            latest.source = contacts.source
            and latest.opportunity_id = contacts.opportunity_id

)

select * from current_opportunities
