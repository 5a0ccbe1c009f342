-- One row per policy x subscription x day from which it was known x time for which the subscription
-- was taken to be paid then. What is known today has no end.
{%- set content = change_hash([
    'dated.customer_id',
    'dated.started_date',
    'dated.ended_date',
    'dated.cancelled_date',
    'dated.trial_start_date',
    'dated.trial_end_date',
    'dated.paused_from',
    'dated.paused_to',
]) %}
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

policies as (

    select * from {{ ref('int_mrr_policy') }}

),

dated as (

    select
        versions.source,
        versions.subscription_id,
        versions.customer_id,
        {{ business_date('versions.started_at') }} as started_date,
        coalesce({{ business_date('versions.ended_at') }}, {{ end_of_time() }}) as ended_date,
        coalesce(
            {{ business_date('versions.cancelled_at') }}, {{ end_of_time() }}
        ) as cancelled_date,
        {{ business_date('versions.trial_start_at') }} as trial_start_date,
        {{ business_date('versions.trial_end_at') }} as trial_end_date,
        versions.paused_from,
        coalesce(versions.paused_to, {{ end_of_time() }}) as paused_to,
        versions.valid_from,
        versions.valid_to
    from versions

),

compared_versions as (

    select
        dated.*,
        {{ content }} as content,
        lag({{ content }}) over earlier as earlier_content,
        lag(dated.valid_to) over earlier as earlier_valid_to,
        max(dated.valid_to) over (
            partition by dated.source, dated.subscription_id
        ) as last_valid_to
    from dated
    window earlier as (
        partition by dated.source, dated.subscription_id
        order by dated.valid_from nulls last
    )

),

-- Most versions say of the time what the one before said.
statements as (

    select
        compared_versions.source,
        compared_versions.subscription_id,
        compared_versions.customer_id,
        compared_versions.started_date,
        compared_versions.ended_date,
        compared_versions.cancelled_date,
        compared_versions.trial_start_date,
        compared_versions.trial_end_date,
        compared_versions.paused_from,
        compared_versions.paused_to,
        compared_versions.valid_from,
        coalesce(
            lead(compared_versions.earlier_valid_to) over later, compared_versions.last_valid_to
        ) as valid_to,
        cast(coalesce(
            lead(compared_versions.valid_from) over later, {{ end_of_time() }}
        ) as date) as next_from
    from compared_versions
    where
        compared_versions.earlier_valid_to is null
        or compared_versions.earlier_valid_to < compared_versions.valid_from
        or compared_versions.earlier_content <> compared_versions.content
    window later as (
        partition by compared_versions.source, compared_versions.subscription_id
        order by compared_versions.valid_from nulls last
    )

),

-- A subscription that is gone has ended on the day that no longer saw it, if not before; on that
-- day this is known.
told as (

    select
        statements.source,
        statements.subscription_id,
        statements.customer_id,
        statements.started_date,
        statements.ended_date,
        statements.cancelled_date,
        statements.valid_from as known_from,
        statements.valid_to as known_to
    from statements
    union all
    select
        statements.source,
        statements.subscription_id,
        statements.customer_id,
        statements.started_date,
        least(statements.ended_date, statements.valid_to) as ended_date,
        statements.cancelled_date,
        statements.valid_to as known_from,
        statements.next_from as known_to
    from statements
    where statements.valid_to < statements.next_from

),

-- Of each day on which something new was known, all that was known by then.
known as (

    select
        statements.source,
        statements.subscription_id,
        statements.trial_start_date,
        statements.trial_end_date,
        statements.paused_from,
        statements.paused_to,
        statements.valid_from,
        statements.valid_to,
        told.started_date,
        told.known_from
    from statements
    inner join told
        on
            statements.source = told.source
            and statements.subscription_id = told.subscription_id
            and statements.valid_from <= told.known_from

),

{{ subscription_breaks('known', ['source', 'subscription_id', 'known_from']) }},

lasting as (

    select breaks.*
    from breaks
    where breaks.valid_from < breaks.valid_to

),

first_trials as (

    select
        lasting.source,
        lasting.subscription_id,
        lasting.known_from,
        max(lasting.valid_to) as trial_end_date
    from lasting
    where lasting.kind = 'trial' and not lasting.is_of_payer
    group by lasting.source, lasting.subscription_id, lasting.known_from

),

lives as (

    select
        policies.policy_key,
        subscriptions.subscription_key,
        told.source,
        told.subscription_id,
        told.customer_id,
        policies.counts_trials_of_payers,
        greatest(
            told.started_date, coalesce(first_trials.trial_end_date, told.started_date)
        ) as paid_from,
        case
            when policies.is_churn_at_cancellation
                then least(told.ended_date, told.cancelled_date)
            else told.ended_date
        end as paid_to,
        told.known_from,
        told.known_to
    from told
    cross join policies
    inner join subscriptions
        on
            told.source = subscriptions.source
            and told.subscription_id = subscriptions.subscription_id
    left join first_trials
        on
            told.source = first_trials.source
            and told.subscription_id = first_trials.subscription_id
            and told.known_from = first_trials.known_from
    where told.started_date is not null

),

{{ paid_spans(
    'lasting',
    keys=['policy_key', 'subscription_key', 'known_from'],
    same=['source', 'subscription_id', 'known_from'],
) }},

spans_as_known as (

    select
        -- ids
        spans.policy_key,
        spans.subscription_key,
        spans.source,
        spans.customer_id,

        -- dates
        spans.paid_from,
        spans.paid_to,
        spans.valid_from,
        spans.valid_to,
        spans.known_from,
        spans.known_to
    from spans
    where spans.valid_from < spans.valid_to

)

select * from spans_as_known
