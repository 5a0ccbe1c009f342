-- One row per customer x account that one of its subscriptions names ('' where it names none) x day
-- from which it was known: the account that it is, and how that was found. What is known today has
-- no end. Customers without a subscription have a row with ''.
{#- In their order. CRM and billing are different sources, so an id is looked for in all of them;
    one of Salesforce in its other length, too. -#}
{%- set ways = [
    ('customers.named_by', 'customers.explicit_account_id', 'account_id'),
    ('customers.named_by', short_salesforce_id('customers.explicit_account_id'), 'short_id'),
    ("'account'", 'customers.customer_id', 'billing_customer_id'),
    ("'domain'", 'customers.domain', 'domain'),
] %}
{%- set account_content = change_hash([
    'account_states.billing_customer_id', 'account_states.domain', 'account_states.is_deleted'
]) %}
{%- set match_content = change_hash([
    'resolved.match_method', 'resolved.account_source', 'resolved.account_id',
    'resolved.candidate_count',
]) %}
with

customers as (

    select * from {{ ref('int_customer_references') }}

),

accounts as (

    select * from {{ ref('stg_account') }}
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
        {{ account_content }} as content,
        lag({{ account_content }}) over (
            partition by account_states.source, account_states.account_id
            order by account_states.known_from nulls last
        ) as earlier_content
    from account_states

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
        compared_states.earlier_content is null
        or compared_states.earlier_content <> compared_states.content

),

candidates as (

    {%- for match_method, named, column in ways %}
        select
            customers.source,
            customers.customer_id,
            customers.named_account_id,
            {{ match_method }} as match_method,
            {{ loop.index }} as method_order,
            known_accounts.source as account_source,
            known_accounts.account_id,
            known_accounts.is_deleted,
            greatest(customers.known_from, known_accounts.known_from) as known_from,
            least(customers.known_to, known_accounts.known_to) as known_to,
            customers.known_from as named_from
        from customers
        inner join known_accounts
            on
                {{ named }} = known_accounts.{{ column }}
                and customers.known_to > known_accounts.known_from
                and customers.known_from < known_accounts.known_to
        {%- if match_method in ("'account'", "'domain'") %}
            where customers.explicit_account_id is null
        {%- endif %}
        {{ 'union all' if not loop.last }}
    {%- endfor %}

),

settled as (

    select
        candidates.*,
        min(
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
        ) as own_from
    from candidates

),

-- Once the own source has the account that is named, none of another source comes into question.
found as (

    select settled.*
    from settled
    where
        settled.own_from is null
        or settled.known_from < settled.own_from
        or (settled.method_order = 1 and settled.source = settled.account_source)

),

-- The days on which another account may be found.
points as (

    select
        customers.source,
        customers.customer_id,
        customers.named_account_id,
        customers.known_from
    from customers
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
        customers.source,
        customers.customer_id,
        customers.named_account_id,
        customers.explicit_account_id,
        points.known_from,
        max(customers.known_to) over (
            partition by customers.source, customers.customer_id, customers.named_account_id
        ) as last_known_to
    from points
    inner join customers
        on
            points.source = customers.source
            and points.customer_id = customers.customer_id
            and points.named_account_id = customers.named_account_id
            and points.known_from >= customers.known_from
            and points.known_from < customers.known_to

),

ranked as (

    select
        times.*,
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
        count(found.account_id) over (
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
    left join found
        on
            times.source = found.source
            and times.customer_id = found.customer_id
            and times.named_account_id = found.named_account_id
            and times.known_from >= found.known_from
            and times.known_from < found.known_to

),

-- An account that was named and never captured is one of billing's own source. A domain that
-- several accounts have tells of none of them.
resolved as (

    select
        ranked.source,
        ranked.customer_id,
        ranked.named_account_id,
        case
            when ranked.match_method = 'domain' and ranked.candidate_count > 1 then null
            when ranked.account_id is not null then ranked.account_source
            when ranked.explicit_account_id is not null then ranked.source
        end as account_source,
        case
            when ranked.match_method = 'domain' and ranked.candidate_count > 1 then null
            else coalesce(ranked.account_id, ranked.explicit_account_id)
        end as account_id,
        case
            when ranked.match_method = 'domain' and ranked.candidate_count > 1
                then 'ambiguous_domain'
            when ranked.account_id is not null then ranked.match_method
            when ranked.explicit_account_id is not null then 'unknown_account'
            else 'unmatched'
        end as match_method,
        cast(ranked.candidate_count as integer) as candidate_count,
        ranked.known_from,
        ranked.last_known_to
    from ranked
    where ranked.preference = 1

),

compared as (

    select
        resolved.*,
        {{ match_content }} as content,
        lag({{ match_content }}) over (
            partition by resolved.source, resolved.customer_id, resolved.named_account_id
            order by resolved.known_from nulls last
        ) as earlier_content
    from resolved

),

matches as (

    select
        -- ids
        compared.source,
        compared.customer_id,
        compared.named_account_id,
        compared.account_source,
        compared.account_id,

        -- attributes
        compared.match_method,

        -- numerics
        compared.candidate_count,

        -- dates
        compared.known_from,
        cast(coalesce(lead(compared.known_from) over (
            partition by compared.source, compared.customer_id, compared.named_account_id
            order by compared.known_from nulls last
        ), compared.last_known_to) as date) as known_to
    from compared
    where compared.earlier_content is null or compared.earlier_content <> compared.content

)

select * from matches
