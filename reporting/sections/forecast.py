"""Will we make it: what each way to forecast says, how far off it was at this distance, and what slipped."""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, name, percent, percent_of, say
from reporting.page import Figure, Section
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal

MARTS = ("rpt_forecast_accuracy", "rpt_slippage", "rpt_pipeline_coverage")
WORDS = {
    "won": "won so far",
    "commit": "commit",
    "best_case": "best case",
    "weighted": "weighted",
    "expected": "expected",
    "all_open": "all open",
    "submitted": "as called",
    "last_quarter": "like last quarter",
    "pace": "usual pace",
}
FEWEST_QUARTERS = 3  # a measure that was right once may have been lucky


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """What the most reliable measure says, against the target; what slipped in the quarters before."""
    marts.require(*MARTS)
    now = measures(marts, scope)
    if not now.rows:
        raise MissingError(f"No forecast of {scope.quarter} was captured on {scope.day}.")
    judged = [row for row in now.rows if row.has("forecast_amount", "wape") and row.value("measure") != "won"]
    tried = [row for row in judged if row.value("n_quarters") >= FEWEST_QUARTERS]
    replay, slipped = curves(marts, scope), slippage(marts, scope)
    figures = [measures_figure(now, numbers)]
    if len({row.value("days_to_quarter_end") for row in replay.rows}) > 1:
        figures.append(replay_figure(replay, scope, numbers))
    if slipped.rows:
        figures.append(slippage_figure(slipped))
    mood, answer = in_words(now, tried, numbers)
    return Section(
        id="forecast",
        question="Will we make it?",
        answer=answer,
        mood=mood,
        figures=figures,
        tables=[now, replay, slipped],
        notes=[sentence for sentence in [slipped_in_words(slipped, scope, numbers)] if sentence],
    )


def measures(marts: Marts, scope: Scope) -> Table:
    """What each measure says on the day, and how far off it was at this distance in the quarters that ended."""
    return marts.ask(
        "measures",
        "what each way to forecast says, and how far off it was as long before a quarter's end",
        f"""select
    live.measure, live.days_to_quarter_end, live.forecast_amount, target.target_amount,
    judged.n_quarters, judged.wape, judged.bias, judged.hit_10_rate, judged.skill
from rpt_forecast_accuracy as live
left join rpt_forecast_accuracy as judged
    on judged.fiscal_quarter = '{ALL}' and judged.segment = live.segment and judged.measure = live.measure
    and judged.days_to_quarter_end = live.days_to_quarter_end
left join rpt_pipeline_coverage as target
    on target.snapshot_date = live.snapshot_date and target.fiscal_quarter = live.fiscal_quarter
    and target.segment = live.segment
where live.fiscal_quarter = {literal(scope.quarter)} and live.segment = {literal(scope.segment)}
    and live.snapshot_date = {literal(scope.day)}
order by judged.wape nulls last, live.measure""",
    )


def curves(marts: Marts, scope: Scope) -> Table:
    """What three measures said on each day of the quarter."""
    return marts.ask(
        "replay",
        "what the measures said on each day of the quarter",
        f"""select measure, days_to_quarter_end, forecast_amount
from rpt_forecast_accuracy
where fiscal_quarter = {literal(scope.quarter)} and segment = {literal(scope.segment)}
    and snapshot_date <= {literal(scope.day)} and measure in ('won', 'commit', 'weighted', 'expected')
order by days_to_quarter_end desc, measure""",
    )


def slippage(marts: Marts, scope: Scope) -> Table:
    """What became of what was due on each quarter's first captured day, the latest quarter first."""
    return marts.ask(
        "slippage",
        "what became of what was due when each quarter began",
        f"""select
    fiscal_quarter, anchor_date, is_final, due_amount, won_amount, won_elsewhere_amount, lost_amount, slipped_amount,
    overdue_amount, gone_amount, slip_rate, pulled_in_amount, created_and_won_amount, later_won_rate
from rpt_slippage
where segment = {literal(scope.segment)} and forecast_category = '{ALL}' and as_of_date < {literal(scope.day)}
    and is_final
qualify row_number() over (partition by fiscal_quarter order by anchor_date) = 1
order by anchor_date desc
limit 6""",
    )


def in_words(now: Table, tried: list[Row], numbers: Numbers) -> tuple[str, Html]:
    """What the most reliable measure says, against the target."""
    if not tried:
        won = now.first(measure="won")
        text = "Nobody can say yet: too few quarters ended to know which way of forecasting is right."
        return "unknown", say(
            "{text} {won} is won.", text=text, won=numbers.money(won["forecast_amount"])
        ) if won else Html(text)  # fmt: skip
    best = tried[0]
    said = say(
        "The way to forecast that was closest as long before a quarter's end, {measure}, says {forecast}; "
        "it was off by {error} on the average",
        measure=say("“{words}”", words=WORDS.get(best.value("measure"), best.value("measure"))),
        forecast=numbers.money(best["forecast_amount"]),
        error=percent(best["wape"]),
    )
    if not best.has("target_amount"):
        return "unknown", say("There is no target. {said}.", said=said)
    target, forecast, error = (best.value(each) for each in ("target_amount", "forecast_amount", "wape"))
    against = say("{said}. The target is {target}.", said=said, target=numbers.money(best["target_amount"]))
    if float(forecast) * (1 - error) >= float(target):
        return "good", say("Probably. {against}", against=against)
    if float(forecast) * (1 + error) < float(target):
        return "bad", say("Probably not. {against}", against=against)
    return "mixed", say("It is open. {against}", against=against)


def slipped_in_words(slipped: Table, scope: Scope, numbers: Numbers) -> Html:
    """How much of what is due usually slips."""
    if not slipped.rows or not slipped.rows[0].has("slip_rate"):
        return Html("")
    last = slipped.rows[0]
    return say(
        "In {quarter}, {rate} of the {due} that was due when it began slipped into a later quarter, or was overdue at "
        "its end.",
        quarter=name(last["fiscal_quarter"]),
        rate=percent(last["slip_rate"]),
        due=numbers.money(last["due_amount"]),
    )


def measures_figure(now: Table, numbers: Numbers) -> Figure:
    """What each measure says, against the target."""
    rows = [
        charts.Bar(
            WORDS.get(row.value("measure"), row.value("measure")),
            row["forecast_amount"],
            row["target_amount"] if row.has("target_amount") else None,
            "blue",
        )
        for row in now.rows
        if row.has("forecast_amount") and row.value("measure") != "all_open"
    ]
    said = "; ".join(f"{row.label} {numbers.amount(row.value.value)}" for row in rows)
    has_target = any(row.needed for row in rows)
    text = charts.Text("measures-figure", "What each way to forecast says", f"{said}.")
    drawn = charts.bars(text, rows, numbers.amount, bar_means="says", need_means="target" if has_target else "")
    return Figure(drawn, Html("Each with what is won already; the way that was closest in past quarters stands first."))


def replay_figure(replay: Table, scope: Scope, numbers: Numbers) -> Figure:
    """What the measures said on each day of the quarter."""
    styles = {"won": "s-blue", "commit": "s-orange", "expected": "s-text dashed", "weighted": "s-grey dotted"}
    drawn = [
        charts.Line(
            WORDS[measure],
            [
                (-float(row.value("days_to_quarter_end")), row["forecast_amount"])
                for row in replay.where(measure=measure)
            ],
            style,
        )
        for measure, style in styles.items()
        if replay.where(measure=measure)
    ]
    text = charts.Text(
        "replay-figure", "The forecast day by day", f"Forecasts of {scope.quarter} on each captured day."
    )
    length = (scope.quarter_end - scope.quarter_start).days + 1
    picture = charts.lines(text, drawn, numbers.amount, across=(-length, 0), left="first day", right="last day")
    return Figure(picture, Html("What was forecast for this quarter, day by day."))


def slippage_figure(slipped: Table) -> Figure:
    """What became of what was due."""
    parts = (
        ("won_amount", "blue", "won"),
        ("lost_amount", "grey", "lost or gone"),
        ("slipped_amount", "orange", "slipped or overdue"),
    )
    rows = [
        charts.Share(
            row.value("fiscal_quarter"),
            [
                (row["won_amount"], "blue"),
                (row["won_elsewhere_amount"], "blue"),
                (row["lost_amount"], "grey"),
                (row["gone_amount"], "grey"),
                (row["slipped_amount"], "orange"),
                (row["overdue_amount"], "orange"),
            ],
            row["slip_rate"],
        )
        for row in slipped.rows
    ]
    said = "; ".join(f"{row.label} {percent_of(row.shown.value)}" for row in rows)
    text = charts.Text("slippage-figure", "What became of what was due", f"Share that slipped or is overdue: {said}.")
    drawn = charts.shares(text, rows, percent_of, entries=[(colour, said) for _, colour, said in parts])
    return Figure(
        drawn, Html("Of what was due when each quarter began, by amount. The number is the share that slipped.")
    )
