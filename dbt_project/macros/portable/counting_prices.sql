{#-
    The versions of subscriptions that count under each policy, at the `price` that it asks for, out
    of `prices` (as int_subscription_prices) and `policies` (as int_mrr_policy). Free ones are left
    out; a price that is not known stays, as NULL.
-#}
{% macro counting_prices(prices, policies) -%}
    select
        {{ policies }}.policy_key,
        {{ prices }}.*,
        case
            when {{ policies }}.is_before_discounts then {{ prices }}.source_list_amount
            else {{ prices }}.source_amount
        end as price
    from {{ prices }}
    cross join {{ policies }}
    where
        {{ prices }}.status not in ('incomplete', 'incomplete_expired')
        and ({{ policies }}.counts_past_due or {{ prices }}.status <> 'past_due')
        and ({{ policies }}.counts_unpaid or {{ prices }}.status <> 'unpaid')
        and coalesce(case
            when {{ policies }}.is_before_discounts then {{ prices }}.source_list_amount
            else {{ prices }}.source_amount
        end, 1) <> 0
{%- endmacro %}
