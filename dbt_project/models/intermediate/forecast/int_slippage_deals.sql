-- One row per opportunity x fiscal quarter x anchor: what became, by the quarter's last captured
-- day, of what was due on the anchor, and what was won besides.
{%- set on_anchor -%}
    winners.anchor_date >= history.valid_from and winners.anchor_date < history.valid_to
{%- endset %}
with

history as (

    select * from {{ ref('fct_opportunity_history') }}

),

anchors as (

    select * from {{ ref('int_slippage_anchors') }}

),

sources as (

    select * from {{ ref('int_sources') }}

),

due as (

    select
        history.source,
        history.opportunity_id,
        anchors.fiscal_quarter,
        anchors.anchor_date,
        anchors.as_of_date,
        anchors.end_date,
        anchors.has_later,
        history.segment,
        history.forecast_category,
        history.amount
    from history
    inner join anchors
        on
            history.close_fiscal_quarter = anchors.fiscal_quarter
            and history.valid_from <= anchors.anchor_date
            and history.valid_to > anchors.anchor_date
    where history.is_open

),

ended as (

    select
        due.*,
        case
            when history.stage_category is null then 'gone'
            when history.is_won and history.close_fiscal_quarter = due.fiscal_quarter then 'won'
            when history.is_won then 'won_elsewhere'
            when history.stage_category = 'lost' then 'lost'
            when history.close_date > due.end_date then 'slipped'
            else 'overdue'
        end as outcome
    from due
    left join history
        on
            due.source = history.source
            and due.opportunity_id = history.opportunity_id
            and due.as_of_date >= history.valid_from
            and due.as_of_date < history.valid_to

),

winners as (

    select
        history.source,
        history.opportunity_id,
        anchors.fiscal_quarter,
        anchors.anchor_date,
        history.segment,
        history.forecast_category,
        history.amount
    from history
    inner join anchors
        on
            history.close_fiscal_quarter = anchors.fiscal_quarter
            and history.valid_from <= anchors.as_of_date
            and history.valid_to > anchors.as_of_date
    where history.is_won

),

-- Where a winner stood on the anchor, and since when it is known.
pasts as (

    select
        winners.source,
        winners.opportunity_id,
        winners.fiscal_quarter,
        winners.anchor_date,
        min(history.valid_from) as born_date,
        max(case when {{ on_anchor }} then history.stage_category end) as anchor_category,
        max(case when {{ on_anchor }} then history.close_fiscal_quarter end) as anchor_quarter,
        max(case when {{ on_anchor }} then history.segment end) as anchor_segment,
        max(case when {{ on_anchor }} then history.forecast_category end) as anchor_forecast
    from winners
    inner join history
        on
            winners.source = history.source
            and winners.opportunity_id = history.opportunity_id
    group by
        winners.source, winners.opportunity_id, winners.fiscal_quarter, winners.anchor_date

),

-- What a source's first captured day shows was not born on it.
placed as (

    select
        winners.*,
        pasts.anchor_segment,
        pasts.anchor_forecast,
        case
            when
                pasts.anchor_category = 'open' and pasts.anchor_quarter <> winners.fiscal_quarter
                then 'pulled_in'
            when
                pasts.born_date > winners.anchor_date
                and pasts.born_date > sources.first_captured_date
                then 'created_and_won'
        end as outcome
    from winners
    inner join pasts
        on
            winners.source = pasts.source
            and winners.opportunity_id = pasts.opportunity_id
            and winners.fiscal_quarter = pasts.fiscal_quarter
            and winners.anchor_date = pasts.anchor_date
    inner join sources on winners.source = sources.source

),

deals as (

    select
        ended.source,
        ended.opportunity_id,
        ended.fiscal_quarter,
        ended.anchor_date,
        ended.outcome,
        ended.segment,
        coalesce(ended.forecast_category, '(none)') as forecast_category,
        coalesce(ended.amount, 0) as amount,
        case
            when ended.has_later and ended.outcome in ('slipped', 'overdue')
                then coalesce(history.stage_category, 'gone')
        end as later_outcome
    from ended
    left join history
        on
            ended.source = history.source
            and ended.opportunity_id = history.opportunity_id
            and history.is_current
    union all
    select
        placed.source,
        placed.opportunity_id,
        placed.fiscal_quarter,
        placed.anchor_date,
        placed.outcome,
        case when placed.outcome = 'pulled_in' then placed.anchor_segment else placed.segment end
            as segment,
        coalesce(
            case
                when placed.outcome = 'pulled_in' then placed.anchor_forecast
                else placed.forecast_category
            end,
            '(none)'
        ) as forecast_category,
        coalesce(placed.amount, 0) as amount,
        null as later_outcome
    from placed
    where placed.outcome is not null

)

select * from deals
