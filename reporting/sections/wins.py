"""How often we win, and how long it takes."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, count, days, name, percent, percent_of, say
from reporting.page import Figure, Section
from reporting.published import ALL, Marts, MissingError, Scope, Table, literal
from reporting.sections.velocity import since_last_day

MARTS = ("rpt_win_rate", "rpt_sales_cycle", "dim_date")


def section(marts: Marts, scope: Scope, _: Numbers) -> Section:
    """The win rate of the last quarter that is over, those before it, and the time a win takes."""
    marts.require(*MARTS)
    dimension, value = ("owner_team", scope.team) if scope.team else (ALL, ALL)
    rates = marts.ask(
        "win-rates",
        "win rate by quarter",
        f"""select
    rates.fiscal_quarter, rates.won, rates.lost, rates.decided, rates.win_rate, rates.rate_low, rates.rate_high,
    rates.reported_win_rate, rates.amount_win_rate, rates.gone, rates.still_open, rates.is_small_sample
from rpt_win_rate as rates
inner join dim_date as days
    on days.fiscal_quarter = rates.fiscal_quarter and days.date_day = days.fiscal_quarter_end_date
where rates.segment = {literal(scope.segment)} and rates.dimension = {literal(dimension)}
    and rates.dimension_value = {literal(value)} and days.date_day < {literal(scope.day)} and rates.decided > 0
order by days.date_day desc
limit 8""",
    )
    if not rates.rows:
        raise MissingError("No quarter has ended in which anything was won or lost, so there is no win rate yet.")
    last = rates.rows[0]
    answer = say(
        "{rate} of what was decided in {quarter}: {won} won, {lost} lost",
        rate=percent(last["win_rate"]),
        quarter=name(last["fiscal_quarter"]),
        won=count(last["won"]),
        lost=count(last["lost"]),
    )
    if len(rates.rows) > 1:
        before = rates.rows[1]
        is_same = last.value("rate_low") <= before.value("win_rate") <= last.value("rate_high")
        answer += say(
            ". In {quarter} it was {rate}, {verdict}",
            quarter=name(before["fiscal_quarter"]),
            rate=percent(before["win_rate"]),
            verdict="which may be chance" if is_same else "more than chance can explain",
        )
    cycle = sales_cycle(marts, scope)
    if cycle.rows and cycle.rows[0].has("median_days_won"):
        answer += say(". Half of what is ever won takes more than {days}", days=days(cycle.rows[0]["median_days_won"]))
    return Section(
        id="wins",
        question="How often do we win?",
        answer=say("{answer}.", answer=Html(answer)),
        figures=[rates_figure(rates), *([cycle_figure(cycle)] if len(cycle.rows) > 1 else [])],
        tables=[rates, cycle],
        notes=since_last_day(scope),
    )


def sales_cycle(marts: Marts, scope: Scope) -> Table:
    """Shares won, lost and open by days after creation, all quarters."""
    return marts.ask(
        "cycle",
        "what became of deals, by days after they were created",
        f"""select day, won_share, lost_share, open_share, at_risk, median_days_won, status
from rpt_sales_cycle
where fiscal_quarter = '{ALL}' and segment = {literal(scope.segment)} and opportunity_type = '{ALL}'
    and pipeline = '{ALL}' and from_stage = '(created)' and won_share is not null
order by day""",
    )


def rates_figure(rates: Table) -> Figure:
    """The win rate of each quarter, between the rates that may be the true one."""
    rows = [
        charts.Marks(
            row.value("fiscal_quarter"),
            [(row["rate_low"], "end"), (row["win_rate"], "blue"), (row["rate_high"], "end")],
            row["win_rate"],
        )
        for row in rates.rows
    ]
    said = "; ".join(f"{row.label} {percent_of(row.shown.value if row.shown else None)}" for row in rows)
    text = charts.Text("win-rates-figure", "Win rate by quarter", f"{said}.")
    drawn = charts.marks(text, rows, percent_of, entries=[("blue", "won of decided"), ("end", "may as well be")])
    return Figure(
        drawn, Html("By the quarter of the close date. The line shows between which rates the true one may lie.")
    )


def cycle_figure(cycle: Table) -> Figure:
    """What became of deals as they grew older."""
    points = {
        each: [(float(row.value("day")), row[each]) for row in cycle.rows]
        for each in ("won_share", "lost_share", "open_share")
    }
    drawn = [
        charts.Line("still open", points["open_share"], "s-grey"),
        charts.Line("lost", points["lost_share"], "s-orange dashed"),
        charts.Line("won", points["won_share"], "s-blue"),
    ]
    text = charts.Text("cycle-figure", "What becomes of deals", "Shares won, lost and open, by days after creation.")
    first, last = points["won_share"][0][0], points["won_share"][-1][0]
    picture = charts.lines(
        text, drawn, percent_of, across=(first, last), left=f"{first:g} days", right=f"{last:g} days", most=1.0
    )
    return Figure(
        picture, Html("By days after a deal was created; those still open count for as long as they were seen.")
    )
