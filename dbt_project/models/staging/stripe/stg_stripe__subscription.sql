-- One row per subscription of Stripe x version, tombstones included.
-- Lambdas of two parameters are beyond sqlfluff.
-- noqa: disable=PRS,RF03,LT02
with

renamed as (

    {{ vendor_rows('stripe', 'subscription', 'subscription') }}

),

-- Metered items have no price of their own: a subscription of nothing else has no amount.
parsed as (

    select
        renamed.*,
        list_filter(
            {{ stripe_items('renamed.items') }},
            lambda each: coalesce(each.price.recurring.usage_type, '') <> 'metered'
        ) as priced_items,
        {{ stripe_discounts(
            "case
                when json_array_length(renamed.discounts) > 0 then renamed.discounts
                when renamed.customer_discount is not null
                    then '[' || renamed.customer_discount || ']'
                else '[]'
            end"
        ) }} as own_discounts
    from renamed

),

-- Tiered prices have no unit amount: NULL. Items of another interval count as often as the first.
itemized as (

    select
        parsed.*,
        list_transform(parsed.priced_items, lambda each: each.price.product) as products,
        parsed.priced_items[1].price.recurring.interval as first_interval,
        parsed.priced_items[1].price.recurring.interval_count as first_interval_count,
        list_transform(
            parsed.priced_items,
            lambda each: cast(
                round(
                    coalesce(each.price.unit_amount_decimal, each.price.unit_amount)
                    * case
                        when each.price.transform_quantity.divide_by is null
                            then coalesce(each.quantity, 1)
                        when each.price.transform_quantity.round = 'up'
                            then
                                (each.quantity + each.price.transform_quantity.divide_by - 1)
                                // each.price.transform_quantity.divide_by
                        else each.quantity // each.price.transform_quantity.divide_by
                    end
                ) as decimal(18, 0)
            )
        ) as item_amounts
    from parsed

),

normalized as (

    select
        itemized.*,
        list_transform(
            itemized.item_amounts,
            lambda a, i: case
                when
                    itemized.priced_items[i].price.recurring.interval = itemized.first_interval
                    and itemized.priced_items[i].price.recurring.interval_count
                    = itemized.first_interval_count
                    then a
                else cast(
                    round(
                        cast(a as double)
                        * {{ intervals_in_twelve_months(
                            'itemized.priced_items[i].price.recurring.interval'
                        ) }}
                        * itemized.first_interval_count
                        / itemized.priced_items[i].price.recurring.interval_count
                        / {{ intervals_in_twelve_months('itemized.first_interval') }}
                    ) as decimal(18, 0)
                )
            end
        ) as list_amounts
    from itemized

),

-- Discounts of items come first, then those of the subscription or, if it has none, its customer's.
discounted as (

    select
        normalized.*,
        {{ stripe_discounted(
            'list_transform(
                normalized.list_amounts,
                lambda c, k: ' ~ stripe_discounted(
                    '[c]',
                    '[normalized.products[k]]',
                    'normalized.priced_items[k].discounts',
                    'lower(normalized.currency_code)'
                ) ~ '[1]
            )',
            'normalized.products',
            'normalized.own_discounts',
            'lower(normalized.currency_code)'
        ) }} as amounts,
        normalized.pause_behavior is not null or coalesce(normalized.status, '') = 'paused' as is_paused
    from normalized

),

-- Stripe does not tell since when collection is paused, nor that it was: versions do.
paused as (

    select
        discounted.*,
        lag(discounted.is_paused, 1, false) over earlier as was_paused
    from discounted
    window earlier as (
        partition by discounted.source, discounted.subscription_id
        order by discounted.valid_from nulls last
    )

),

measured as (

    select
        -- ids
        paused.source,
        paused.subscription_id,
        paused.customer_id,
        coalesce(
            paused.account_id,
            paused.salesforce_account_id,
            paused.hubspot_company_id,
            paused.customer_account_id
        ) as account_id,

        -- attributes
        paused.status,
        paused.first_interval as interval,
        upper(paused.currency_code) as currency_code,

        -- numerics
        {{ stripe_money(stripe_sum('paused.amounts'), 'paused.currency_code') }} as amount,
        {{ stripe_money(stripe_sum('paused.list_amounts'), 'paused.currency_code') }}
            as list_amount,
        paused.first_interval_count as interval_count,
        cast(
            list_sum(list_transform(paused.priced_items, lambda each: each.quantity)) as bigint
        ) as quantity,

        -- dates and timestamps
        paused.started_at,
        paused.ended_at,
        paused.cancelled_at,
        paused.trial_end_at,
        coalesce(
            paused.paused_from,
            max(
                case when paused.is_paused and not paused.was_paused then paused.valid_from end
            ) over earlier
        ) as paused_from,
        coalesce(
            paused.paused_to,
            case
                when paused.is_paused then {{ business_date('paused.resumes_at') }}
                else max(
                    case when paused.was_paused and not paused.is_paused then paused.valid_from end
                ) over earlier
            end
        ) as paused_to,

        -- the version
        paused.valid_from,
        paused.valid_to,
        paused._pl_change,
        paused._pl_origin
    from paused
    window earlier as (
        partition by paused.source, paused.subscription_id
        order by paused.valid_from nulls last
    )

),

subscriptions as (

    select
        source,
        subscription_id,
        customer_id,
        account_id,
        status,
        started_at,
        ended_at,
        cancelled_at,
        trial_end_at,
        paused_from,
        paused_to,
        amount,
        list_amount,
        interval,
        interval_count,
        quantity,
        currency_code,
        valid_from,
        valid_to,
        _pl_change,
        _pl_origin
    from measured

)

select * from subscriptions
