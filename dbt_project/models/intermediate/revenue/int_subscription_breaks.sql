-- One row per subscription x kind (trial, pause) x time in which its source says that it is one.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

dated as (

    select
        versions.source,
        versions.subscription_id,
        {{ business_date('versions.trial_start_at') }} as trial_start_date,
        {{ business_date('versions.trial_end_at') }} as trial_end_date,
        versions.paused_from,
        coalesce(versions.paused_to, {{ end_of_time() }}) as paused_to,
        last_value({{ business_date('versions.started_at') }}) over (
            partition by versions.source, versions.subscription_id
            order by versions.valid_from nulls last
            rows between unbounded preceding and unbounded following
        ) as started_date,
        versions.valid_from,
        versions.valid_to
    from versions

),

compared as (

    select
        dated.*,
        lag(dated.trial_end_date) over earlier as earlier_trial_end_date,
        lag(dated.valid_from) over earlier as earlier_valid_from
    from dated
    window earlier as (
        partition by dated.source, dated.subscription_id
        order by dated.valid_from nulls last
    )

),

-- Where the source does not tell, a trial began on the first captured day that shows it, if the
-- subscription was paid for on the day before; else with the subscription.
begun as (

    select
        compared.*,
        coalesce(compared.trial_start_date, case
            when
                compared.trial_end_date is not null
                and compared.earlier_valid_from is not null
                and compared.started_date < compared.valid_from
                and (
                    compared.earlier_trial_end_date is null
                    or (
                        compared.earlier_trial_end_date < compared.valid_from
                        and compared.earlier_trial_end_date <> compared.trial_end_date
                    )
                )
                then compared.valid_from
        end) as begun_date
    from compared

),

trials as (

    select
        begun.source,
        begun.subscription_id,
        'trial' as kind,
        begun.started_date,
        coalesce(
            begun.trial_start_date,
            max(begun.begun_date) over (
                partition by begun.source, begun.subscription_id
                order by begun.valid_from nulls last
            ),
            {{ beginning_of_time() }}
        ) as break_from,
        begun.trial_end_date as break_to,
        begun.valid_from,
        begun.valid_to
    from begun

),

said as (

    select * from trials
    union all
    select
        dated.source,
        dated.subscription_id,
        'pause' as kind,
        dated.started_date,
        dated.paused_from as break_from,
        dated.paused_to as break_to,
        dated.valid_from,
        dated.valid_to
    from dated

),

followed as (

    select
        said.*,
        lead(said.valid_from) over later as later_valid_from,
        lead(said.break_from) over later as later_break_from,
        lead(said.break_to) over later as later_break_to
    from said
    window later as (
        partition by said.source, said.subscription_id, said.kind
        order by said.valid_from nulls last
    )

),

-- The next version corrects a break if it has one that overlaps it. If it has none, or another one,
-- the break was over then: what was not paid for at the time does not become paid for later.
breaks as (

    select
        followed.source,
        followed.subscription_id,
        followed.kind,
        followed.kind = 'trial' and followed.break_from > followed.started_date as is_of_payer,
        followed.break_from as valid_from,
        case
            when followed.later_valid_from is null then followed.break_to
            else least(followed.break_to, followed.valid_to)
        end as valid_to
    from followed
    where
        followed.break_from < followed.break_to
        and not coalesce(
            followed.later_break_from < followed.later_break_to
            and followed.later_break_from < followed.break_to
            and followed.later_break_to > followed.break_from,
            false
        )

),

lasting as (

    select breaks.*
    from breaks
    where breaks.valid_from < breaks.valid_to

)

select * from lasting
