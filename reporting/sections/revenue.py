"""Does revenue stay: the bridge of the last whole month, and retention over the twelve months before each."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, count, day, percent, percent_of, say
from reporting.page import Figure, Section, Tile
from reporting.published import Marts, MissingError, Scope, Table, literal

MARTS = ("rpt_revenue_retention",)
BRIDGE = {
    "opening_mrr": "a month before",
    "new_mrr": "new",
    "reactivated_mrr": "came back",
    "expansion_mrr": "expansion",
    "segment_in_mrr": "from other segments",
    "fx_mrr": "exchange rates",
    "segment_out_mrr": "to other segments",
    "contraction_mrr": "contraction",
    "churned_mrr": "churned",
    "closing_mrr": "now",
}


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """Net and gross revenue retention, and what moved recurring revenue in the last whole month."""
    marts.require(*MARTS)
    months = marts.ask(
        "retention",
        "recurring revenue by month, of customers as billed",
        f"""select
    month_end, opening_mrr, new_mrr, reactivated_mrr, expansion_mrr, segment_in_mrr, fx_mrr, segment_out_mrr,
    contraction_mrr, churned_mrr, closing_mrr, nrr, grr, cohort_customers, churned_customers, logo_churn_rate,
    is_complete
from rpt_revenue_retention
where level = 'customer' and segment = {literal(scope.segment)} and month_end <= {literal(scope.day)}
order by month_end desc""",
    )
    if not months.rows:
        raise MissingError(
            "No billing data was captured: nothing is known of recurring revenue. "
            "Subscriptions and customers of a billing system bring it; docs/own-data.md says how."
        )
    last = months.rows[0]
    if last.has("nrr"):
        mood = "good" if last.value("nrr") >= 1 else "bad"
        answer = say(
            "Of {hundred} paid a year ago, {nrr} is paid now, growth of the same customers included; {grr} without it. "
            "{gone} of {customers} customers left.",
            hundred="what was",
            nrr=percent(last["nrr"]),
            grr=percent(last["grr"]),
            gone=count(last["churned_customers"]),
            customers=count(last["cohort_customers"]),
        )
    else:
        mood = "unknown"
        answer = say(
            "Nobody can say yet: that takes twelve months. {now} a month is paid as of {day}.",
            now=numbers.money(last["closing_mrr"]), day=day(last["month_end"]),
        )  # fmt: skip
    figures = [bridge_figure(months, numbers)]
    if sum(row.has("nrr") for row in months.rows) > 1:
        figures.append(retention_figure(months))
    return Section(
        id="revenue",
        question="Does revenue stay?",
        answer=answer,
        mood=mood,
        tiles=[
            Tile("Recurring revenue a month", numbers.money(last["closing_mrr"])),
            Tile("Net revenue retention", percent(last["nrr"])),
            Tile("Gross revenue retention", percent(last["grr"])),
        ],
        figures=figures,
        tables=[months],
    )


def bridge_figure(months: Table, numbers: Numbers) -> Figure:
    """What moved recurring revenue in the last whole month."""
    last = months.rows[0]
    steps = [
        charts.Step(said, last[column], is_level=column in ("opening_mrr", "closing_mrr"))
        for column, said in BRIDGE.items()
        if last.value(column)
    ]
    said = ", ".join(f"{step.label} {numbers.amount(step.value.value)}" for step in steps)
    text = charts.Text("bridge-figure", "Recurring revenue in the last month", f"{said}.")
    drawn = charts.waterfall(text, steps, numbers.amount)
    return Figure(
        drawn, say("Monthly recurring revenue, in the month that ended on {day}.", day=day(last["month_end"]))
    )


def retention_figure(months: Table) -> Figure:
    """Net and gross retention by month."""
    rows = [row for row in reversed(months.rows) if row.has("nrr", "grr")][-24:]
    drawn = [
        charts.Line("net", [(float(number), row["nrr"]) for number, row in enumerate(rows)], "s-blue"),
        charts.Line("gross", [(float(number), row["grr"]) for number, row in enumerate(rows)], "s-orange dashed"),
    ]
    text = charts.Text("retention-figure", "Revenue retention by month", "Net and gross, over twelve months each.")
    first, last = (f"{row.value('month_end'):%b %Y}" for row in (rows[0], rows[-1]))
    picture = charts.lines(text, drawn, percent_of, across=(0, len(rows) - 1), left=first, right=last)
    return Figure(
        picture, Html("Of what customers paid a year before each month: still paid, with and without growth.")
    )
