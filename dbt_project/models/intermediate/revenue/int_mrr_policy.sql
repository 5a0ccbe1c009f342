-- One row per period of the policy on MRR: each choice as it is in force in it. Covers all time; a
-- choice that the file leaves out is the documented default.
with

policy as (

    select * from {{ ref('stg_mrr_policy') }}

),

starts as (

    select {{ beginning_of_time() }} as valid_from
    union
    select policy.valid_from from policy

),

in_force as (

    select
        starts.valid_from,
        policy.choice,
        policy.value,
        row_number() over (
            partition by starts.valid_from, policy.choice
            order by policy.valid_from desc
        ) as recency
    from starts
    inner join policy on starts.valid_from >= policy.valid_from

),

choices as (

    select
        starts.valid_from,
        max(case when in_force.choice = 'discounts' then in_force.value end) as discounts,
        max(case when in_force.choice = 'past_due' then in_force.value end) as past_due,
        max(case when in_force.choice = 'unpaid' then in_force.value end) as unpaid,
        max(case when in_force.choice = 'churn_date' then in_force.value end) as churn_date,
        max(
            case when in_force.choice = 'trial_of_payer' then in_force.value end
        ) as trial_of_payer,
        max(case when in_force.choice = 'renewal_grace_days' then in_force.value end) as grace_days
    from starts
    left join in_force
        on starts.valid_from = in_force.valid_from and in_force.recency = 1
    group by starts.valid_from

),

periods as (

    select
        cast(row_number() over (order by choices.valid_from nulls last) as integer) as policy_key,
        coalesce(choices.discounts, 'recurring') = 'none' as is_before_discounts,
        coalesce(choices.past_due, 'counts') = 'counts' as counts_past_due,
        coalesce(choices.unpaid, 'excluded') = 'counts' as counts_unpaid,
        coalesce(choices.churn_date, 'ended') = 'cancelled' as is_churn_at_cancellation,
        coalesce(choices.trial_of_payer, 'counts') = 'counts' as counts_trials_of_payers,
        cast(coalesce(choices.grace_days, '0') as integer) as renewal_grace_days,
        choices.valid_from,
        cast(coalesce(
            lead(choices.valid_from) over (order by choices.valid_from nulls last),
            {{ end_of_time() }}
        ) as date) as valid_to
    from choices

)

select * from periods
