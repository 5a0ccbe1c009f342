-- One row per subscription x captured version: what it costs while the version is in force. Covers
-- all time: the earliest version holds before it too, the last one before an absence during it.
with

versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

customer_accounts as (

    select * from {{ ref('int_customer_accounts') }}
    where known_to = {{ end_of_time() }}

),

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

),

-- A macro repeats what it is given: each is given a column.
worded as (

    select
        versions.*,
        {{ billing_interval_words('versions.billing_interval') }} as interval_words
    from versions

),

named as (

    select
        worded.*,
        {{ billing_interval_word('worded.interval_words') }} as interval_word
    from worded

),

-- An interval is counted in twelfths of a month.
prices as (

    select
        -- ids
        subscriptions.subscription_key,
        accounts.account_key,

        -- attributes
        coalesce(named.account_id, '') as named_account_id,
        coalesce(lower(trim(named.status)), '') as status,
        coalesce(
            upper(trim(named.currency_code)), '{{ var("base_currency") }}'
        ) as currency_code,

        -- numerics
        named.source_amount,
        coalesce(named.source_list_amount, named.source_amount) as source_list_amount,
        {{ intervals_in_twelve_months(billing_interval('named.interval_word')) }}
            as intervals_in_twelve_months,
        case
            when coalesce(named.interval_count, 1) > 0
                then
                    coalesce(named.interval_count, 1)
                    * {{ billing_interval_count('named.interval_words', 'named.interval_word') }}
        end as interval_count,

        -- dates
        case
            when lag(named.valid_from) over earlier is null then {{ beginning_of_time() }}
            else named.valid_from
        end as valid_from,
        cast(
            coalesce(lead(named.valid_from) over earlier, {{ end_of_time() }}) as date
        ) as valid_to
    from named
    inner join subscriptions
        on
            named.source = subscriptions.source
            and named.subscription_id = subscriptions.subscription_id
    left join customer_accounts
        on
            subscriptions.source = customer_accounts.source
            and subscriptions.customer_id = customer_accounts.customer_id
            and coalesce(named.account_id, '') = customer_accounts.named_account_id
    left join accounts
        on
            customer_accounts.account_source = accounts.account_source
            and customer_accounts.account_id = accounts.account_id
    window earlier as (
        partition by named.source, named.subscription_id
        order by named.valid_from nulls last
    )

)

select * from prices
