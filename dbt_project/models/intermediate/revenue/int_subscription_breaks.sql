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

{{ subscription_breaks('dated', ['source', 'subscription_id']) }},

-- Of several that begin on one day, the longest holds the others.
lasting as (

    select
        breaks.source,
        breaks.subscription_id,
        breaks.kind,
        breaks.is_of_payer,
        breaks.valid_from,
        max(breaks.valid_to) as valid_to
    from breaks
    where breaks.valid_from < breaks.valid_to
    group by
        breaks.source,
        breaks.subscription_id,
        breaks.kind,
        breaks.is_of_payer,
        breaks.valid_from

)

select * from lasting
