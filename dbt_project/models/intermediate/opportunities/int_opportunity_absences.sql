-- One row per uninterrupted time in which an opportunity that had been captured did not exist:
-- deleted or merged.
with

states as (

    select * from {{ ref('int_opportunity_states') }}
    where existence <> 'existing'

),

compared as (

    select
        states.source,
        states.opportunity_id,
        states.existence,
        states.valid_from,
        states.valid_to,
        lag(states.existence) over (
            partition by states.source, states.opportunity_id
            order by states.valid_from nulls last
        ) as previous_existence,
        lag(states.valid_to) over (
            partition by states.source, states.opportunity_id
            order by states.valid_from nulls last
        ) as previous_valid_to,
        max(states.valid_to) over (
            partition by states.source, states.opportunity_id
        ) as last_valid_to
    from states

),

absences as (

    select
        compared.source,
        compared.opportunity_id,
        compared.existence as absence_kind,
        compared.valid_from,
        cast(coalesce(
            lead(compared.previous_valid_to) over (
                partition by compared.source, compared.opportunity_id
                order by compared.valid_from nulls last
            ),
            compared.last_valid_to
        ) as date) as valid_to
    from compared
    where
        compared.previous_valid_to is null
        or compared.previous_valid_to <> compared.valid_from
        or compared.previous_existence <> compared.existence

)

select * from absences
