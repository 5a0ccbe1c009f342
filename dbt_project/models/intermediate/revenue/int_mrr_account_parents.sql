-- One row per account of a customer x valid_from: the account at the top above it, itself if none
-- is. Covers all time.
with recursive

links as (

    select * from {{ ref('int_account_links') }}

),

accounts as (

    select * from {{ ref('int_mrr_accounts') }}

),

-- Up from each account, step by step, through the times in which each step holds. Where nobody is
-- above, the way ends. A circle has no top: there the walk stops after 40 steps.
walk as (

    select
        accounts.account_key,
        accounts.account_source,
        accounts.account_id as ancestor_id,
        0 as step_count,
        false as is_top,
        {{ beginning_of_time() }} as valid_from,
        {{ end_of_time() }} as valid_to
    from accounts
    union all
    select
        walk.account_key,
        walk.account_source,
        coalesce(links.parent_account_id, walk.ancestor_id) as ancestor_id,
        walk.step_count + 1 as step_count,
        links.parent_account_id is null as is_top,
        greatest(walk.valid_from, coalesce(links.valid_from, walk.valid_from)) as valid_from,
        least(walk.valid_to, coalesce(links.valid_to, walk.valid_to)) as valid_to
    from walk
    left join links
        on
            walk.account_source = links.source
            and walk.ancestor_id = links.account_id
            and walk.valid_from < links.valid_to
            and walk.valid_to > links.valid_from
    where not walk.is_top and walk.step_count < 40

),

-- In a circle, all accounts have the same parent: the lowest id in it. After 20 steps the walk has
-- surely entered it.
circling as (

    select
        ends.account_key,
        ends.account_source,
        ends.valid_from,
        ends.valid_to,
        min(walk.ancestor_id) as ancestor_id
    from walk as ends
    inner join walk
        on
            ends.account_key = walk.account_key
            and ends.valid_from >= walk.valid_from
            and ends.valid_to <= walk.valid_to
    where ends.step_count = 40 and not ends.is_top and walk.step_count > 20
    group by ends.account_key, ends.account_source, ends.valid_from, ends.valid_to

),

tops as (

    select
        walk.account_key,
        walk.account_source,
        walk.ancestor_id as parent_account_id,
        false as is_circle,
        walk.valid_from,
        walk.valid_to
    from walk
    where walk.is_top
    union all
    select
        circling.account_key,
        circling.account_source,
        circling.ancestor_id as parent_account_id,
        true as is_circle,
        circling.valid_from,
        circling.valid_to
    from circling

),

numbered as (

    select
        tops.account_key,
        tops.account_source,
        cast(dense_rank() over (
            order by tops.account_source nulls last, tops.parent_account_id nulls last
        ) as integer) as parent_key,
        tops.parent_account_id,
        tops.is_circle,
        tops.valid_from,
        tops.valid_to
    from tops

)

select * from numbered
