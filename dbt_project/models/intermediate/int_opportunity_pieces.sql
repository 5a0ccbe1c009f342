-- One row per opportunity x valid_from, absences included: every state in base currency, split where a rate changes.
with

states as (

    select * from {{ ref('int_opportunity_states') }}

),

versions as (

    select * from {{ ref('int_opportunity_versions') }}
    where existence <> 'existing'

),

closed_stays as (

    select * from {{ ref('int_closed_stays') }}

),

rates as (

    select * from {{ ref('int_fx_intervals') }}

),

in_base_currency as (

    select
        states.*,
        states.source_amount as amount
    from states
    where states.currency_code = '{{ var("base_currency") }}'

),

-- A closed amount keeps the rate of the first day of its closed stay; any other follows the rates.
in_foreign_currency as (

    select
        states.*,
        closed_stays.closed_from,
        coalesce(closed_stays.closed_from, states.valid_from) as rate_from,
        coalesce(
            cast({{ dbt.dateadd('day', 1, 'closed_stays.closed_from') }} as date), states.valid_to
        ) as rate_to
    from states
    left join closed_stays
        on
            states.source = closed_stays.source
            and states.opportunity_id = closed_stays.opportunity_id
            and states.valid_from = closed_stays.valid_from
    where states.currency_code <> '{{ var("base_currency") }}'

),

unioned as (

    select
        {{ history_columns('in_base_currency') }},
        in_base_currency.amount,
        in_base_currency.valid_from,
        in_base_currency.valid_to
    from in_base_currency
    union all
    select
        {{ history_columns('in_foreign_currency') }},
        {{ rounded_product('in_foreign_currency.source_amount', 'rates.rate_to_base') }} as amount,
        case
            when in_foreign_currency.closed_from is not null then in_foreign_currency.valid_from
            else greatest(
                in_foreign_currency.valid_from,
                coalesce(rates.valid_from, in_foreign_currency.valid_from)
            )
        end as valid_from,
        case
            when in_foreign_currency.closed_from is not null then in_foreign_currency.valid_to
            else least(
                in_foreign_currency.valid_to,
                coalesce(rates.valid_to, in_foreign_currency.valid_to)
            )
        end as valid_to
    from in_foreign_currency
    left join rates
        on
            in_foreign_currency.source = rates.source
            and in_foreign_currency.currency_code = rates.currency_code
            and in_foreign_currency.rate_from < rates.valid_to
            and in_foreign_currency.rate_to > rates.valid_from
    union all
    select
        {{ history_columns('versions', only=['source', 'opportunity_id', 'existence', 'origin']) }},
        null as amount,
        versions.valid_from,
        versions.valid_to
    from versions

)

select * from unioned
