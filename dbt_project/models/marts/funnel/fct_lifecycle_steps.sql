-- One row per person x step of the lifecycle x cycle: when the person took it, which record says
-- so, and since when that is known.
{%- set steps = ['lead', 'mql', 'sal', 'sql', 'opportunity', 'won'] %}
with

people as (

    select * from {{ ref('dim_person') }}

),

entries as (

    select * from {{ ref('int_lifecycle_entries') }}
    where known_to = {{ end_of_time() }}

),

links as (

    select * from {{ ref('int_opportunity_people') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

versions as (

    select * from {{ ref('stg_person') }}
    where not is_tombstone

),

segments as (

    select * from {{ ref('int_account_segment_intervals') }}

),

first_touches as (

    select * from {{ ref('int_person_first_touches') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

snapshot_days as (

    select * from {{ ref('int_snapshot_days') }}
    where status <> 'gap'

),

last_day as (

    select max(snapshot_days.snapshot_date) as last_captured_date
    from snapshot_days

),

created as (

    select
        people.person_key,
        min(people.created_date) as created_date
    from people
    group by people.person_key

),

first_versions as (

    select
        history.source,
        history.opportunity_id,
        history.created_date,
        history.valid_from,
        row_number() over (
            partition by history.source, history.opportunity_id
            order by history.valid_from nulls last
        ) as version_number,
        min(case when history.is_won then history.valid_from end) over (
            partition by history.source, history.opportunity_id
        ) as won_from
    from history

),

opportunities as (

    select
        first_versions.source,
        first_versions.opportunity_id,
        first_versions.created_date,
        first_versions.valid_from as first_captured_date,
        first_versions.valid_from <= sources.first_captured_date as is_left_truncated,
        first_versions.won_from,
        first_versions.won_from <= sources.first_captured_date as is_won_at_first
    from first_versions
    inner join sources on first_versions.source = sources.source
    where first_versions.version_number = 1

),

-- Whatever says that a record took a step.
evidence as (

    select
        entries.source,
        entries.person_id,
        cast(null as {{ dbt.type_string() }}) as opportunity_id,
        entries.step,
        entries.step_precision,
        entries.step_at,
        entries.step_date,
        entries.known_from
    from entries
    union all
    select
        links.source,
        links.person_id,
        links.opportunity_id,
        'opportunity' as step,
        case when links.is_left_truncated then 'left_truncated' else 'day' end as step_precision,
        null as step_at,
        links.linked_from as step_date,
        links.linked_from as known_from
    from links
    where links.match = 'role'
    union all
    -- Nobody's opportunity is older than the person.
    select
        links.source,
        links.person_id,
        links.opportunity_id,
        'opportunity' as step,
        case
            when opportunities.created_date is null and opportunities.is_left_truncated
                then 'left_truncated'
            else 'day'
        end as step_precision,
        null as step_at,
        greatest(
            coalesce(opportunities.created_date, opportunities.first_captured_date),
            coalesce(created.created_date, {{ beginning_of_time() }})
        ) as step_date,
        greatest(links.linked_from, opportunities.first_captured_date) as known_from
    from links
    inner join opportunities
        on
            links.source = opportunities.source
            and links.opportunity_id = opportunities.opportunity_id
    inner join people on links.source = people.source and links.person_id = people.person_id
    inner join created on people.person_key = created.person_key
    where links.match = 'converted'
    union all
    select
        links.source,
        links.person_id,
        links.opportunity_id,
        'won' as step,
        case when opportunities.is_won_at_first then 'left_truncated' else 'day' end
            as step_precision,
        null as step_at,
        opportunities.won_from as step_date,
        opportunities.won_from as known_from
    from links
    inner join opportunities
        on
            links.source = opportunities.source
            and links.opportunity_id = opportunities.opportunity_id
            and links.linked_from <= opportunities.won_from

),

-- One of several records that say the same.
dated as (

    select
        people.person_key,
        evidence.*,
        case evidence.step
            {%- for step in steps %}
                when '{{ step }}' then {{ loop.index }}
            {%- endfor %}
        end as step_order,
        row_number() over (
            partition by
                people.person_key,
                evidence.step,
                case
                    when evidence.step in ('mql', 'sal', 'sql') then evidence.step_date
                end
            order by
                evidence.step_date nulls last,
                evidence.step_at nulls last,
                evidence.known_from nulls last,
                evidence.source nulls last,
                evidence.person_id nulls last,
                evidence.opportunity_id nulls last,
                evidence.step_precision nulls last
        ) as evidence_number
    from evidence
    inner join people on evidence.source = people.source and evidence.person_id = people.person_id
    cross join last_day
    where evidence.step_date <= last_day.last_captured_date

),

-- Each MQL begins a cycle, to which belongs what comes on its day or later.
cycled as (

    select
        dated.*,
        greatest(1, count(*) filter (where dated.step = 'mql') over (
            partition by dated.person_key
            order by
                dated.step_date nulls last,
                case when dated.step = 'mql' then 0 else 1 end nulls last
            range between unbounded preceding and current row
        )) as cycle
    from dated
    where dated.evidence_number = 1

),

firsts as (

    select
        cycled.*,
        row_number() over (
            partition by cycled.person_key, cycled.step, cycled.cycle
            order by cycled.step_date nulls last
        ) as entry_number
    from cycled

),

ordered as (

    select
        firsts.*,
        max(firsts.step_date) over (
            partition by firsts.person_key, firsts.cycle
            order by firsts.step_order nulls last
            rows between unbounded preceding and 1 preceding
        ) as earlier_steps_until
    from firsts
    where firsts.entry_number = 1

),

-- The record as it was when the step was first known.
described as (

    select
        ordered.*,
        versions.account_id,
        versions.owner_id,
        versions.lead_source,
        versions.lead_score,
        row_number() over (
            partition by ordered.person_key, ordered.step, ordered.cycle
            order by
                case when versions.valid_from <= ordered.known_from then 0 else 1 end nulls last,
                case
                    when versions.valid_from <= ordered.known_from then versions.valid_from
                end desc,
                versions.valid_from nulls last
        ) as nearness
    from ordered
    inner join versions
        on ordered.source = versions.source and ordered.person_id = versions.person_id

),

lifecycle as (

    select
        -- ids
        described.person_key,
        described.step,
        cast(described.cycle as integer) as cycle,
        described.source,
        described.person_id,
        described.opportunity_id,
        described.account_id,
        described.owner_id,
        first_touches.campaign_id,

        -- attributes
        coalesce(segments.segment, '(unassigned)') as segment,
        coalesce(described.lead_source, '(none)') as lead_source,
        coalesce(first_touches.channel, '(none)') as channel,
        described.step_precision,
        coalesce(described.step_date < described.earlier_steps_until, false) as is_out_of_order,

        -- numerics
        described.lead_score as lead_score_at_step,

        -- dates
        described.step_at,
        described.step_date,
        described.known_from
    from described
    left join first_touches
        on
            described.person_key = first_touches.person_key
            and described.step_date >= first_touches.touch_date
    left join segments
        on
            described.source = segments.source
            and described.account_id = segments.account_id
            and described.known_from >= segments.valid_from
            and described.known_from < segments.valid_to
    where described.nearness = 1

)

select * from lifecycle
