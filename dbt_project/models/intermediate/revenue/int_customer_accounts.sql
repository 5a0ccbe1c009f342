-- One row per customer x account that one of its subscriptions names ('' where it names none) x day
-- from which it was known: the account that it is, and how that was found. What is known today has
-- no end. Customers without a subscription have a row with ''.
with

subscription_versions as (

    select * from {{ ref('stg_subscription') }}
    where not is_tombstone

),

subscriptions as (

    select * from {{ ref('int_subscriptions') }}

),

accounts as (

    select * from {{ ref('stg_account') }}
    where not is_tombstone

),

customers as (

    select * from {{ ref('stg_customer') }}
    where not is_tombstone

),

dated_accounts as (

    select
        accounts.source,
        accounts.account_id,
        accounts.billing_customer_id,
        {{ domain_of('accounts.website') }} as domain,
        accounts.valid_from,
        accounts.valid_to,
        lead(accounts.valid_from) over (
            partition by accounts.source, accounts.account_id
            order by accounts.valid_from nulls last
        ) as next_from
    from accounts

),

-- An account that went is what it was last, but gone.
account_states as (

    select
        dated_accounts.source,
        dated_accounts.account_id,
        dated_accounts.billing_customer_id,
        dated_accounts.domain,
        false as is_deleted,
        dated_accounts.valid_from as known_from
    from dated_accounts
    union all
    select
        dated_accounts.source,
        dated_accounts.account_id,
        dated_accounts.billing_customer_id,
        dated_accounts.domain,
        true as is_deleted,
        dated_accounts.valid_to as known_from
    from dated_accounts
    where dated_accounts.valid_to < coalesce(dated_accounts.next_from, {{ end_of_time() }})

),

compared_states as (

    select
        account_states.*,
        lag(account_states.billing_customer_id) over earlier as earlier_billing_customer_id,
        lag(account_states.domain) over earlier as earlier_domain,
        lag(account_states.is_deleted) over earlier as was_deleted
    from account_states
    window earlier as (
        partition by account_states.source, account_states.account_id
        order by account_states.known_from nulls last
    )

),

known_accounts as (

    select
        compared_states.source,
        compared_states.account_id,
        {{ short_salesforce_id('compared_states.account_id') }} as short_id,
        compared_states.billing_customer_id,
        compared_states.domain,
        compared_states.is_deleted,
        compared_states.known_from,
        cast(coalesce(lead(compared_states.known_from) over (
            partition by compared_states.source, compared_states.account_id
            order by compared_states.known_from nulls last
        ), {{ end_of_time() }}) as date) as known_to
    from compared_states
    where
        compared_states.was_deleted is null
        or compared_states.was_deleted <> compared_states.is_deleted
        or coalesce(compared_states.earlier_billing_customer_id, '')
        <> coalesce(compared_states.billing_customer_id, '')
        or coalesce(compared_states.earlier_domain, '') <> coalesce(compared_states.domain, '')

),

told_customers as (

    select
        customers.source,
        customers.customer_id,
        customers.account_id,
        {{ domain_of('customers.domain') }} as domain,
        customers.valid_from as known_from
    from customers

),

told_subscriptions as (

    select
        subscription_versions.source,
        subscription_versions.subscription_id,
        subscriptions.customer_id,
        subscription_versions.customer_id as told_customer_id,
        coalesce(subscription_versions.account_id, '') as named_account_id,
        cast(coalesce(lead(subscription_versions.valid_from) over (
            partition by subscription_versions.source, subscription_versions.subscription_id
            order by subscription_versions.valid_from nulls last
        ), {{ end_of_time() }}) as date) as next_from
    from subscription_versions
    inner join subscriptions
        on
            subscription_versions.source = subscriptions.source
            and subscription_versions.subscription_id = subscriptions.subscription_id

),

paying as (

    select
        told_subscriptions.source,
        told_subscriptions.customer_id,
        told_subscriptions.named_account_id
    from told_subscriptions
    group by
        told_subscriptions.source,
        told_subscriptions.customer_id,
        told_subscriptions.named_account_id

),

all_keys as (

    select
        paying.*,
        {{ end_of_time() }} as known_to
    from paying
    union all
    select
        told_customers.source,
        told_customers.customer_id,
        '' as named_account_id,
        {{ end_of_time() }} as known_to
    from told_customers
    left join paying
        on
            told_customers.source = paying.source
            and told_customers.customer_id = paying.customer_id
    where paying.customer_id is null
    group by told_customers.source, told_customers.customer_id
    union all
    -- whose subscription it was before
    select
        owners.source,
        owners.told_customer_id as customer_id,
        named.named_account_id,
        max(owners.next_from) as known_to
    from told_subscriptions as owners
    inner join told_subscriptions as named
        on owners.source = named.source and owners.subscription_id = named.subscription_id
    left join paying
        on
            owners.source = paying.source
            and owners.told_customer_id = paying.customer_id
            and named.named_account_id = paying.named_account_id
    where owners.told_customer_id <> owners.customer_id and paying.customer_id is null
    group by owners.source, owners.told_customer_id, named.named_account_id

),

with_others as (

    select
        all_keys.source,
        all_keys.customer_id,
        all_keys.named_account_id,
        max(all_keys.known_to) as known_to
    from all_keys
    group by all_keys.source, all_keys.customer_id, all_keys.named_account_id

),

-- Before billing told of a customer, nothing was known of it.
known_customers as (

    select
        told_customers.*,
        cast(coalesce(lead(told_customers.known_from) over (
            partition by told_customers.source, told_customers.customer_id
            order by told_customers.known_from nulls last
        ), {{ end_of_time() }}) as date) as known_to
    from told_customers
    union all
    select
        with_others.source,
        with_others.customer_id,
        null as account_id,
        null as domain,
        {{ beginning_of_time() }} as known_from,
        coalesce(min(told_customers.known_from), {{ end_of_time() }}) as known_to
    from with_others
    left join told_customers
        on
            with_others.source = told_customers.source
            and with_others.customer_id = told_customers.customer_id
    group by with_others.source, with_others.customer_id

),

first_day as (

    select min(days.known_from) as first_date
    from (
        select min(known_accounts.known_from) as known_from from known_accounts
        union all
        select min(told_customers.known_from) as known_from from told_customers
        union all
        select min(subscription_versions.valid_from) as known_from from subscription_versions
    ) as days

),

-- What is known of each: an id from billing, or else the customer's domain.
named as (

    select
        with_others.source,
        with_others.customer_id,
        with_others.named_account_id,
        coalesce(
            nullif(with_others.named_account_id, ''), known_customers.account_id
        ) as explicit_account_id,
        case
            when with_others.named_account_id <> '' then 'subscription' else 'customer'
        end as named_by,
        known_customers.domain,
        known_customers.known_from,
        least(known_customers.known_to, with_others.known_to) as known_to
    from with_others
    inner join known_customers
        on
            with_others.source = known_customers.source
            and with_others.customer_id = known_customers.customer_id
            and with_others.known_to > known_customers.known_from

),

-- CRM and billing are different sources, so an id is looked for in all of them; one of Salesforce
-- in its other length, too.
candidates as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        named.named_by as match_method,
        1 as method_order,
        known_accounts.source as account_source,
        known_accounts.account_id,
        known_accounts.is_deleted,
        greatest(named.known_from, known_accounts.known_from) as known_from,
        least(named.known_to, known_accounts.known_to) as known_to,
        named.known_from as named_from
    from named
    inner join known_accounts
        on
            named.explicit_account_id = known_accounts.account_id
            and named.known_to > known_accounts.known_from
            and named.known_from < known_accounts.known_to
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        named.named_by as match_method,
        2 as method_order,
        known_accounts.source as account_source,
        known_accounts.account_id,
        known_accounts.is_deleted,
        greatest(named.known_from, known_accounts.known_from) as known_from,
        least(named.known_to, known_accounts.known_to) as known_to,
        named.known_from as named_from
    from named
    inner join known_accounts
        on
            {{ short_salesforce_id('named.explicit_account_id') }} = known_accounts.short_id
            and named.known_to > known_accounts.known_from
            and named.known_from < known_accounts.known_to
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        'account' as match_method,
        3 as method_order,
        known_accounts.source as account_source,
        known_accounts.account_id,
        known_accounts.is_deleted,
        greatest(named.known_from, known_accounts.known_from) as known_from,
        least(named.known_to, known_accounts.known_to) as known_to,
        named.known_from as named_from
    from named
    inner join known_accounts
        on
            named.customer_id = known_accounts.billing_customer_id
            and named.known_to > known_accounts.known_from
            and named.known_from < known_accounts.known_to
    where named.explicit_account_id is null
    union all
    select
        named.source,
        named.customer_id,
        named.named_account_id,
        'domain' as match_method,
        4 as method_order,
        known_accounts.source as account_source,
        known_accounts.account_id,
        known_accounts.is_deleted,
        greatest(named.known_from, known_accounts.known_from) as known_from,
        least(named.known_to, known_accounts.known_to) as known_to,
        named.known_from as named_from
    from named
    inner join known_accounts
        on
            named.domain = known_accounts.domain
            and named.known_to > known_accounts.known_from
            and named.known_from < known_accounts.known_to
    where named.explicit_account_id is null

),

-- Once the own source has the account that is named, nothing else counts while it is named.
settled as (

    select
        candidates.*,
        candidates.method_order = 1 and candidates.source = candidates.account_source as is_own,
        coalesce(min(
            case
                when candidates.method_order = 1 and candidates.source = candidates.account_source
                    then candidates.known_from
            end
        ) over (
            partition by
                candidates.source,
                candidates.customer_id,
                candidates.named_account_id,
                candidates.named_from
        ), {{ end_of_time() }}) as own_from
    from candidates

),

found as (

    select
        settled.source,
        settled.customer_id,
        settled.named_account_id,
        settled.match_method,
        settled.method_order,
        settled.account_source,
        settled.account_id,
        settled.is_deleted,
        settled.known_from,
        case
            when settled.is_own then settled.known_to
            else least(settled.known_to, settled.own_from)
        end as known_to
    from settled
    where settled.is_own or settled.known_from < settled.own_from

),

-- The days on which another account may be found.
points as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        named.known_from
    from named
    union
    select
        found.source,
        found.customer_id,
        found.named_account_id,
        found.known_from
    from found
    union
    select
        found.source,
        found.customer_id,
        found.named_account_id,
        found.known_to as known_from
    from found

),

times as (

    select
        named.source,
        named.customer_id,
        named.named_account_id,
        named.explicit_account_id,
        points.known_from
    from points
    inner join named
        on
            points.source = named.source
            and points.customer_id = named.customer_id
            and points.named_account_id = named.named_account_id
            and points.known_from >= named.known_from
            and points.known_from < named.known_to

),

ranked as (

    select
        times.source,
        times.customer_id,
        times.named_account_id,
        times.known_from,
        found.match_method,
        found.account_source,
        found.account_id,
        row_number() over (
            partition by
                times.source, times.customer_id, times.named_account_id, times.known_from
            order by
                found.method_order nulls last,
                case when found.source <> found.account_source then 1 else 0 end nulls last,
                found.is_deleted nulls last,
                found.account_source nulls last,
                found.account_id nulls last
        ) as preference,
        count(*) over (
            partition by
                times.source,
                times.customer_id,
                times.named_account_id,
                times.known_from,
                found.method_order,
                found.source = found.account_source,
                found.is_deleted
        ) as candidate_count
    from times
    inner join found
        on
            times.source = found.source
            and times.customer_id = found.customer_id
            and times.named_account_id = found.named_account_id
            and times.known_from >= found.known_from
            and times.known_from < found.known_to

),

best as (

    select
        ranked.*,
        ranked.match_method = 'domain' and ranked.candidate_count > 1 as is_ambiguous
    from ranked
    where ranked.preference = 1

),

-- An account that was named and never captured is one of billing's own source. A domain that
-- several accounts have tells of none of them.
resolved as (

    select
        times.source,
        times.customer_id,
        times.named_account_id,
        case
            when best.is_ambiguous then null
            when best.account_id is not null then best.account_source
            when times.explicit_account_id is not null then times.source
        end as account_source,
        case
            when not coalesce(best.is_ambiguous, false)
                then coalesce(best.account_id, times.explicit_account_id)
        end as account_id,
        case
            when best.is_ambiguous then 'ambiguous_domain'
            when best.account_id is not null then best.match_method
            when times.explicit_account_id is not null then 'unknown_account'
            else 'unmatched'
        end as match_method,
        cast(coalesce(best.candidate_count, 0) as integer) as candidate_count,
        times.known_from,
        with_others.known_to as last_known_to
    from times
    inner join with_others
        on
            times.source = with_others.source
            and times.customer_id = with_others.customer_id
            and times.named_account_id = with_others.named_account_id
    left join best
        on
            times.source = best.source
            and times.customer_id = best.customer_id
            and times.named_account_id = best.named_account_id
            and times.known_from = best.known_from

),

compared as (

    select
        resolved.*,
        lag(resolved.match_method) over earlier as earlier_match_method,
        lag(resolved.account_source) over earlier as earlier_account_source,
        lag(resolved.account_id) over earlier as earlier_account_id,
        lag(resolved.candidate_count) over earlier as earlier_candidate_count
    from resolved
    window earlier as (
        partition by resolved.source, resolved.customer_id, resolved.named_account_id
        order by resolved.known_from nulls last
    )

),

matches as (

    select
        compared.source,
        compared.customer_id,
        compared.named_account_id,
        compared.account_source,
        compared.account_id,
        compared.match_method,
        compared.candidate_count,
        compared.known_from,
        cast(coalesce(lead(compared.known_from) over (
            partition by compared.source, compared.customer_id, compared.named_account_id
            order by compared.known_from nulls last
        ), compared.last_known_to) as date) as known_to
    from compared
    where
        compared.earlier_match_method is null
        or compared.earlier_match_method <> compared.match_method
        or coalesce(compared.earlier_account_source, '') <> coalesce(compared.account_source, '')
        or coalesce(compared.earlier_account_id, '') <> coalesce(compared.account_id, '')
        or compared.earlier_candidate_count <> compared.candidate_count

),

customer_accounts as (

    select matches.*
    from matches
    cross join first_day
    where matches.known_to > coalesce(first_day.first_date, {{ beginning_of_time() }})

)

select * from customer_accounts
