"""A quarterly review of the pipeline as a marimo notebook: the quarter that ended last, and whether the next is safe.

Reads the published file of the home that PIPELEDGER_HOME names, through the package `pipeledger`. In a browser:
`marimo run docs/quarterly_review.py`; to change it: `marimo edit docs/quarterly_review.py`.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium", app_title="Quarterly review")


@app.cell
def _():
    import marimo as mo

    import pipeledger

    company = pipeledger.open()
    return company, mo


@app.cell
def _(company, mo):
    about = company.mart("about").iloc[0]
    quarter = company.sql(
        "select fiscal_quarter, max(fiscal_quarter_end_date) as ended from dim_date "
        "where is_previous_fiscal_quarter group by all"
    ).iloc[0]
    mo.md(
        f"# Review of {quarter.fiscal_quarter}\n\n"
        f"{about.company_name}, amounts in {about.base_currency}. The quarter ended on {quarter.ended}; "
        f"captured up to {about.as_of_date}, with {about.gap_days} missing days."
    )
    return (quarter,)


@app.cell
def _(company, mo, quarter):
    made = company.sql(
        """
        select segment, target_amount, won_amount, targeted_won_amount / nullif(target_amount, 0) as attained
        from rpt_pipeline_coverage
        where fiscal_quarter = $quarter and snapshot_date = (
            select max(snapshot_date) from rpt_pipeline_coverage where snapshot_date <= $ended
        )
        order by is_total desc, target_amount desc nulls last
        """,
        {"quarter": quarter.fiscal_quarter, "ended": quarter.ended},
    )
    mo.vstack(
        [mo.md("## Did we make it?\n\nAs it stood on its last day; `attained` counts segments with a target."), made]
    )
    return (made,)


@app.cell
def _(company, mo, quarter):
    due = company.sql(
        """
        select
            forecast_category, sum(due_amount) as due, sum(won_amount) as won, sum(lost_amount) as lost,
            sum(slipped_amount) as slipped, sum(overdue_amount) as still_open, sum(gone_amount) as gone
        from bi.due_at_quarter_start where fiscal_quarter = ? group by all order by due desc
        """,
        [quarter.fiscal_quarter],
    )
    mo.vstack([mo.md("## What became of what was due?\n\nOf the deals that were due when the quarter began."), due])
    return (due,)


@app.cell
def _(company, mo, quarter):
    changes = company.sql(
        """
        select category, sum(amount) as amount, sum(opportunities) as opportunities
        from rpt_pipeline_waterfall
        where fiscal_quarter = ? and segment = '(all)' and category not in ('opening', 'closing')
        group by all order by abs(sum(amount)) desc
        """,
        [quarter.fiscal_quarter],
    )
    mo.vstack([mo.md("## What moved the quarter's pipeline?\n\nFrom the first captured day to the last."), changes])
    return (changes,)


@app.cell
def _(company, mo, quarter):
    rates = company.sql(
        """
        select segment, won, lost, win_rate, rate_low, rate_high, reported_win_rate, is_small_sample
        from rpt_win_rate where fiscal_quarter = ? and dimension = '(all)' order by is_total desc, decided desc
        """,
        [quarter.fiscal_quarter],
    )
    mo.vstack([mo.md("## How often did we win?\n\nThe true rate may lie between `rate_low` and `rate_high`."), rates])
    return (rates,)


@app.cell
def _(company, mo, quarter):
    restated = company.sql(
        """
        select metric, reported_amount, changed_amount, restated_amount
        from rpt_restatements where fiscal_quarter = ? and segment = '(all)' and is_latest
        """,
        [quarter.fiscal_quarter],
    )
    mo.vstack([mo.md("## Is what we reported still true?\n\nWhat late edits and deletions made of it."), restated])
    return (restated,)


@app.cell
def _(company, mo):
    forecasts = company.sql(
        "select measure, n_quarters, bias, wape, skill from bi.forecast_track_record "
        "where days_to_quarter_end = 30 order by wape nulls last"
    )
    mo.vstack(
        [mo.md("## Whom may we believe?\n\nHow far off each forecast was, 30 days before a quarter's end."), forecasts]
    )
    return (forecasts,)


@app.cell
def _(company, mo):
    retention = company.sql(
        "select month_end, nrr, grr, logo_churn_rate from bi.retention order by month_end desc limit 6"
    )
    mo.vstack([mo.md("## Does revenue stay?\n\nOver the twelve months before each month's end."), retention])
    return (retention,)


@app.cell
def _(company, mo):
    ahead = company.sql(
        """
        select
            fiscal_quarter, remaining_target_amount, open_amount, coverage_ratio, required_coverage_ratio,
            coverage_ratio >= required_coverage_ratio as is_enough
        from bi.quarters_today order by fiscal_quarter
        """
    )
    mo.vstack([mo.md("## Is there enough for the next quarters?\n\nAgainst what past quarters needed."), ahead])
    return (ahead,)


if __name__ == "__main__":
    app.run()
