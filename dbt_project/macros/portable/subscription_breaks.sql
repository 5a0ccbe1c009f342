{#-
    CTEs that end in `breaks`: trials and pauses out of `versions`, a relation of subscription
    versions with the dates trial_start_date, trial_end_date, paused_from, paused_to and
    started_date (of the latest version). One row per `keys` x kind x time in which a source says
    that there is one; a time that ends before it begins is none, and is left to the caller. `keys`
    are columns that tell subscriptions apart, and what is known of them on one day from the same
    on another.
-#}
{% macro subscription_breaks(versions, keys) -%}
{%- set same = keys | join(', ') -%}
compared as (

    select
        {{ versions }}.*,
        lag(trial_end_date) over earlier as earlier_trial_end_date,
        lag(valid_from) over earlier as earlier_valid_from
    from {{ versions }}
    window earlier as (
        partition by {{ same }}
        order by valid_from nulls last
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

said as (

    select
        begun.*,
        'trial' as kind,
        coalesce(
            begun.trial_start_date,
            max(begun.begun_date) over (
                partition by {{ same }}
                order by begun.valid_from nulls last
            ),
            {{ beginning_of_time() }}
        ) as break_from,
        begun.trial_end_date as break_to
    from begun
    union all
    select
        begun.*,
        'pause' as kind,
        begun.paused_from as break_from,
        begun.paused_to as break_to
    from begun

),

followed as (

    select
        said.*,
        lead(said.valid_from) over later as later_valid_from,
        lead(said.break_from) over later as later_break_from,
        lead(said.break_to) over later as later_break_to
    from said
    window later as (
        partition by {{ same }}, kind
        order by said.valid_from nulls last
    )

),

-- The next version corrects a break if it has one that overlaps it. If it has none, or another one,
-- the break was over then: what was not paid for at the time does not become paid for later.
breaks as (

    select
        {%- for key in keys %}
            followed.{{ key }},
        {%- endfor %}
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

)
{%- endmacro %}
