-- One row per line of a team's list (list_source x list_id x line_number): the opportunity that it
-- means, by its id or by the names, and whether an earlier line means the same.
with

lines as (

    select * from {{ ref('stg_team_pipeline') }}
    where not is_tombstone and valid_to = {{ end_of_time() }}

),

opportunities as (

    select * from {{ ref('int_opportunities') }}

),

current_opportunities as (

    select * from {{ ref('fct_opportunity_current') }}

),

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

accounts as (

    select * from {{ ref('dim_account') }}

),

fiscal_days as (

    select * from {{ ref('int_fiscal_days') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

bounds as (

    select
        min(sources.first_captured_date) as first_date,
        max(sources.last_captured_date) as last_date
    from sources

),

listed as (

    select
        lines.source as list_source,
        lines.list_id,
        cast(lines.line_number as integer) as line_number,
        lower(lines.team) as team,
        lines.as_of,
        least(lines.as_of, bounds.last_date) as state_date,
        greatest(least(lines.as_of, bounds.last_date), bounds.first_date) as known_date,
        coalesce(lines.fiscal_quarter, fiscal_days.fiscal_quarter, '(none)') as fiscal_quarter,
        lines.opportunity_id as listed_opportunity_id,
        lower(lines.opportunity_name) as opportunity_name,
        lower(lines.account_name) as account_name,
        lines.source_amount,
        coalesce(upper(lines.currency_code), '{{ var("base_currency") }}') as currency_code
    from lines
    cross join bounds
    left join fiscal_days on lines.close_date = fiscal_days.date_day

),

-- An id that several sources have means the one of the list's own source, if that has it.
by_id as (

    select
        listed.list_source,
        listed.list_id,
        listed.line_number,
        count(*) as found,
        min(opportunities.source) as source,
        min(opportunities.opportunity_id) as opportunity_id,
        count(case when opportunities.source = listed.list_source then 1 end) as found_in_own,
        min(case
            when opportunities.source = listed.list_source then opportunities.opportunity_id
        end) as own_opportunity_id
    from opportunities
    inner join listed
        on
            coalesce(
                {{ short_salesforce_id('opportunities.opportunity_id', '006') }},
                opportunities.opportunity_id
            ) = coalesce(
                {{ short_salesforce_id('listed.listed_opportunity_id', '006') }},
                listed.listed_opportunity_id
            )
    group by listed.list_source, listed.list_id, listed.line_number

),

named as (

    select
        current_opportunities.source,
        current_opportunities.opportunity_id,
        lower(current_opportunities.opportunity_name) as opportunity_name,
        lower(accounts.account_name) as account_name
    from current_opportunities
    left join accounts
        on
            current_opportunities.source = accounts.source
            and current_opportunities.account_id = accounts.account_id

),

of_that_name as (

    select
        listed.list_source,
        listed.list_id,
        listed.line_number,
        listed.known_date,
        named.source,
        named.opportunity_id
    from named
    inner join listed
        on
            named.opportunity_name = listed.opportunity_name
            and (listed.account_name is null or named.account_name = listed.account_name)
    where listed.listed_opportunity_id is null

),

-- What was captured by the list's day: open on it (1), else there (2), else gone (3).
fitting as (

    select
        of_that_name.list_source,
        of_that_name.list_id,
        of_that_name.line_number,
        of_that_name.source,
        of_that_name.opportunity_id,
        min(case
            when history.valid_to <= of_that_name.known_date then 3
            when history.is_open then 1
            else 2
        end) as fit
    from history
    inner join of_that_name
        on
            history.source = of_that_name.source
            and history.opportunity_id = of_that_name.opportunity_id
            and history.valid_from <= of_that_name.known_date
    group by
        of_that_name.list_source,
        of_that_name.list_id,
        of_that_name.line_number,
        of_that_name.source,
        of_that_name.opportunity_id

),

ranked as (

    select
        fitting.*,
        min(fitting.fit) over (
            partition by fitting.list_source, fitting.list_id, fitting.line_number
        ) as best_fit
    from fitting

),

by_name as (

    select
        ranked.list_source,
        ranked.list_id,
        ranked.line_number,
        min(ranked.source) as source,
        min(ranked.opportunity_id) as opportunity_id
    from ranked
    where ranked.fit = ranked.best_fit
    group by ranked.list_source, ranked.list_id, ranked.line_number
    having count(*) = 1

),

matched as (

    select
        listed.*,
        case
            when by_id.found_in_own = 1 then listed.list_source
            when by_id.found = 1 then by_id.source
            else by_name.source
        end as source,
        case
            when by_id.found_in_own = 1 then by_id.own_opportunity_id
            when by_id.found = 1 then by_id.opportunity_id
            else by_name.opportunity_id
        end as opportunity_id,
        by_name.opportunity_id is not null as is_matched_by_name
    from listed
    left join by_id
        on
            listed.list_source = by_id.list_source
            and listed.list_id = by_id.list_id
            and listed.line_number = by_id.line_number
    left join by_name
        on
            listed.list_source = by_name.list_source
            and listed.list_id = by_name.list_id
            and listed.line_number = by_name.line_number

),

numbered as (

    select
        matched.*,
        matched.opportunity_id is not null
        and row_number() over (
            partition by
                matched.list_source,
                matched.list_id,
                matched.team,
                matched.as_of,
                matched.source,
                matched.opportunity_id
            order by matched.line_number nulls last
        ) > 1 as is_doubled
    from matched

)

select * from numbered
