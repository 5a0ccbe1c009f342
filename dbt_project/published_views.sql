-- Schema `bi`: tables that a tool may sum, count and average as it likes. No total rows, no sums over days, rows of deleted
-- deals left out, names joined, and one row where people expect one.
create schema if not exists bi;

-- Deals
create or replace view bi.opportunities as
    select
        deals.source, deals.opportunity_id, deals.opportunity_name, accounts.account_name, owners.owner_name, owners.team,
        deals.pipeline, deals.opportunity_type, deals.segment, deals.lead_source, deals.stage, deals.stage_category,
        deals.forecast_category, deals.is_open, deals.is_won, deals.amount,
        deals.created_date, deals.close_date, deals.close_fiscal_quarter,
        coalesce(quarters.is_current_fiscal_quarter, false) as is_due_in_current_quarter,
        coalesce(quarters.is_next_fiscal_quarter, false) as is_due_in_next_quarter,
        deals.age_days, deals.days_in_stage, deals.push_count, deals.days_pushed, deals.stall_count
    from marts.fct_opportunity_current as deals
    left join marts.dim_account as accounts using (source, account_id)
    left join marts.dim_owner as owners on owners.source = deals.source and owners.owner_id = deals.owner_id
    left join marts.dim_date as quarters on quarters.date_day = deals.close_date
    where not deals.is_deleted and not deals.is_merged;
comment on view bi.opportunities is
'One row per opportunity that exists on the last captured day, closed ones included. Amounts and counts may be summed.';

create or replace view bi.pipeline_today as
    select * exclude (is_open, is_won, stage_category)
    from bi.opportunities
    where is_open;
comment on view bi.pipeline_today is
'One row per opportunity that is open on the last captured day. Amounts and counts may be summed.';

create or replace view bi.pipeline_month_end as
    select
        ends.month_start_date, daily.snapshot_date, daily.pipeline, daily.opportunity_type, daily.segment, daily.stage,
        daily.close_fiscal_quarter, daily.open_opportunities, daily.open_amount, daily.weighted_amount
    from marts.fct_pipeline_daily as daily
    inner join (
        select days.month_start_date, max(daily.snapshot_date) as snapshot_date
        from marts.fct_pipeline_daily as daily
        inner join marts.dim_date as days on days.date_day = daily.snapshot_date
        group by days.month_start_date
    ) as ends using (snapshot_date);
comment on view bi.pipeline_month_end is
'One row per month x pipeline x type x segment x stage x closing quarter: what was open on the last captured day of the month. Amounts may be summed within a month; over months, put the month on an axis.';

create or replace view bi.pipeline_changes as
    select
        moves.snapshot_date, days.week_start_date, days.month_start_date, moves.fiscal_quarter, moves.segment,
        moves.category, moves.amount, moves.opportunity_delta, moves.from_value, moves.to_value,
        moves.source, moves.opportunity_id, deals.opportunity_name, owners.owner_name, owners.team
    from marts.fct_pipeline_movements as moves
    inner join marts.dim_date as days on days.date_day = moves.snapshot_date
    left join marts.fct_opportunity_current as deals using (source, opportunity_id)
    left join marts.dim_owner as owners on owners.source = deals.source and owners.owner_id = deals.owner_id;
comment on view bi.pipeline_changes is
'One row per opportunity x day x quarter x segment x category: what changed the open pipeline. Amounts may be summed over anything; transfers cancel out.';

create or replace view bi.decided as
    select
        outcomes.source, outcomes.opportunity_id, deals.opportunity_name, outcomes.fiscal_quarter, outcomes.close_date,
        outcomes.segment, outcomes.opportunity_type, outcomes.pipeline, outcomes.lead_source, outcomes.owner_team,
        outcomes.loss_reason, outcomes.cycle_band, outcomes.amount, outcomes.cycle_days,
        cast(outcomes.outcome = 'won' as integer) as won, cast(outcomes.outcome = 'lost' as integer) as lost,
        case when outcomes.outcome = 'won' then outcomes.amount else 0 end as won_amount
    from marts.fct_win_outcomes as outcomes
    left join marts.fct_opportunity_current as deals using (source, opportunity_id)
    where outcomes.is_restated and outcomes.outcome in ('won', 'lost');
comment on view bi.decided is
'One row per opportunity that was won or lost, in the quarter of its close date. The average of won is the win rate; amounts and counts may be summed.';

-- Is there enough, and will we make it
create or replace view bi.coverage_today as
    select
        coverage.snapshot_date, coverage.fiscal_quarter, quarters.is_current_fiscal_quarter as is_current_quarter,
        coverage.segment, coverage.target_amount, coverage.won_amount, coverage.open_amount, coverage.expected_amount
    from marts.rpt_pipeline_coverage as coverage
    inner join marts.dim_date as quarters
        on quarters.fiscal_quarter = coverage.fiscal_quarter and quarters.date_day = quarters.fiscal_quarter_end_date
    where not coverage.is_total and coverage.snapshot_date = (select max(snapshot_date) from marts.rpt_pipeline_coverage);
comment on view bi.coverage_today is
'One row per quarter x segment on the last captured day: target, won, open and expected. Amounts may be summed.';

create or replace view bi.quarters_today as
    select
        coverage.snapshot_date, coverage.fiscal_quarter, quarters.is_current_fiscal_quarter as is_current_quarter,
        quarters.is_next_fiscal_quarter as is_next_quarter, coverage.status, coverage.target_amount, coverage.won_amount,
        coverage.remaining_target_amount, coverage.open_amount, coverage.expected_amount, coverage.coverage_ratio,
        coverage.required_coverage_ratio
    from marts.rpt_pipeline_coverage as coverage
    inner join marts.dim_date as quarters
        on quarters.fiscal_quarter = coverage.fiscal_quarter and quarters.date_day = quarters.fiscal_quarter_end_date
    where coverage.segment = '(all)'
        and coverage.snapshot_date = (select max(snapshot_date) from marts.rpt_pipeline_coverage);
comment on view bi.quarters_today is
'One row per quarter, the current one and the next three, of the whole company on the last captured day: coverage and what is needed. Amounts may be summed over quarters, ratios never.';

create or replace view bi.due_at_quarter_start as
    select
        slippage.fiscal_quarter, slippage.anchor_date, slippage.segment, slippage.forecast_category, slippage.due_amount,
        slippage.won_amount, slippage.won_elsewhere_amount, slippage.lost_amount, slippage.slipped_amount,
        slippage.overdue_amount, slippage.gone_amount
    from marts.rpt_slippage as slippage
    where not slippage.is_total and slippage.is_final
        and slippage.anchor_date = (
            select min(first.anchor_date) from marts.rpt_slippage as first
            where first.fiscal_quarter = slippage.fiscal_quarter
        );
comment on view bi.due_at_quarter_start is
'One row per quarter that is over x segment x forecast category: what was due when it began, and what became of it by its end. Amounts may be summed.';

create or replace view bi.forecast_track_record as
    select measure, days_to_quarter_end, n_quarters, bias, wape, hit_10_rate, skill
    from marts.rpt_forecast_accuracy
    where fiscal_quarter = '(all)' and segment = '(all)';
comment on view bi.forecast_track_record is
'One row per measure x days to the end of a quarter: how far off each way to forecast was. Nothing in it may be summed.';

-- Where deals sit and stall
create or replace view bi.stalled_in_stage as
    select fiscal_quarter, segment, stage, judged, stalled, stalled_amount
    from marts.rpt_stall_patterns
    where rule = 'age_in_stage' and not is_total;
comment on view bi.stalled_in_stage is
'One row per quarter x segment x stage: how many open deals were judged on the first of a month, and how many were longer in their stage than won deals usually are. Counts and amounts may be summed.';

create or replace view bi.what_became_of_deals as
    select day, won_share, lost_share, open_share
    from marts.rpt_sales_cycle
    where fiscal_quarter = '(all)' and segment = '(all)' and opportunity_type = '(all)' and pipeline = '(all)'
        and from_stage = '(created)';
comment on view bi.what_became_of_deals is
'One row per number of days after a deal was created: the shares that are won, lost and still open. Nothing in it may be summed.';

-- Revenue
create or replace view bi.customers as
    select
        customers.source, customers.customer_id, customers.customer_name, accounts.account_name, customers.match_method,
        coalesce(now.segment, earlier.segment, accounts.segment) as segment, coalesce(now.mrr_amount, 0) as mrr_now,
        coalesce(earlier.mrr_amount, 0) as mrr_a_year_ago,
        case when earlier.customer_id is not null then coalesce(now.mrr_amount, 0) else 0 end as retained_mrr
    from marts.dim_customer as customers
    left join marts.dim_account as accounts
        on accounts.source = customers.account_source and accounts.account_id = customers.account_id
    left join marts.fct_mrr_monthly as now
        on now.source = customers.source and now.customer_id = customers.customer_id
        and now.month_end = (select max(month_end) from marts.fct_mrr_monthly)
    left join marts.fct_mrr_monthly as earlier
        on earlier.source = customers.source and earlier.customer_id = customers.customer_id
        and earlier.month_end = (select last_day(max(month_end) - interval 12 month) from marts.fct_mrr_monthly);
comment on view bi.customers is
'One row per customer of billing: what it pays a month now, and paid a year ago. Amounts may be summed; the sum of retained_mrr by the sum of mrr_a_year_ago is NRR.';

create or replace view bi.revenue_changes as
    select month_end, segment, category, amount, customer_delta, source, customer_id
    from marts.fct_mrr_movements;
comment on view bi.revenue_changes is
'One row per customer x month x segment x category: why recurring revenue changed. Amounts may be summed over anything; transfers cancel out.';

create or replace view bi.retention as
    select month_end, opening_mrr, closing_mrr, nrr, grr, logo_churn_rate, cohort_customers, churned_customers
    from marts.rpt_revenue_retention
    where level = 'customer' and segment = '(all)';
comment on view bi.retention is
'One row per month of the whole company: net and gross revenue retention over the twelve months before. Nothing in it may be summed.';

-- Days
create or replace view bi.captured_days as
    select snapshot_date, cast(max(case when status = 'gap' then 1 else 0 end) as integer) as missed
    from marts.dim_snapshot
    group by snapshot_date;
comment on view bi.captured_days is
'One row per day from the first to the last captured one: 1 in missed where a source was not captured. It may be summed.';
