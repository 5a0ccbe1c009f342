"""Is the quarter safe, and is there enough pipeline for what is still to be won?

`lead` is what the page begins with; `section` compares the quarter with those before it.
"""

from __future__ import annotations

from reporting import charts
from reporting.markup import Html, Numbers, joined, name, say, times, times_of
from reporting.page import Figure, Section, Tile
from reporting.published import ALL, Marts, MissingError, Row, Scope, Table, literal

MARTS = ("rpt_pipeline_coverage", "dim_date")
HIGHEST = 8.0  # at a quarter's end the ratios grow without bound: hardly anything is left to be won


def today(marts: Marts, scope: Scope) -> Table:
    """The quarter on the day, a row for each segment, `(all)` first; of one segment where the page is narrowed."""
    return marts.ask(
        "coverage",
        "the quarter today, by segment",
        f"""select
    segment, status, target_amount, won_amount, remaining_target_amount, open_amount, untargeted_open_amount,
    past_due_open_amount, past_due_open_opportunities, expected_amount, coverage_ratio, required_coverage_ratio
from rpt_pipeline_coverage
where snapshot_date = {literal(scope.day)} and fiscal_quarter = {literal(scope.quarter)}
    and {literal(scope.segment)} in (segment, '(all)')
order by segment = '(all)' desc, target_amount desc nulls last, segment""",
    )


def is_short(row: Row) -> bool:
    """Whether there is less than past quarters needed; False where nobody can say."""
    return row.value("status") == "open" and (
        row.has("coverage_ratio", "required_coverage_ratio")
        and row.value("coverage_ratio") < row.value("required_coverage_ratio")
    )


def lead(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """Is the quarter safe?"""
    marts.require(*MARTS)
    table = today(marts, scope)
    whole = table.first(segment=scope.segment)
    if whole is None:
        raise MissingError(
            f"Nothing was ever due in {scope.quarter}, and it has no target. "
            "Once opportunities with close dates are captured, this says whether the quarter is safe."
        )
    segments = [row for row in table.rows if row.value("segment") != ALL]
    short = [row for row in segments if is_short(row)]
    mood, verdict = judged(whole, short, numbers)
    tiles = [
        Tile("Won", numbers.money(whole["won_amount"])),
        Tile("Target", numbers.money(whole["target_amount"]) if whole.has("target_amount") else Html("none")),
        Tile("Open, due in the quarter", numbers.money(whole["open_amount"])),
    ]
    if whole.has("coverage_ratio"):
        needed = say("{needed} needed", needed=times(whole["required_coverage_ratio"]))
        tiles.append(Tile("Coverage: open ÷ still to win", times(whole["coverage_ratio"]), needed))
    todo = [
        say(
            "{segment} is short: {remaining} is still to be won and only {have} times as much is open; past quarters "
            "needed {needed} times. Find deals for it, or say now that it will be missed.",
            segment=name(row["segment"]),
            have=times(row["coverage_ratio"]),
            needed=times(row["required_coverage_ratio"]),
            remaining=numbers.money(row["remaining_target_amount"]),
        )
        for row in short
    ]
    if whole.value("past_due_open_amount"):
        todo.append(
            say(
                "{amount} is open with a close date before the quarter began: give these deals a date, or close them. "
                '<a href="#stalls">Which</a>',
                amount=numbers.money(whole["past_due_open_amount"]),
            )
        )
    return Section(
        id="safe",
        question="Is the quarter safe?",
        answer=verdict,
        mood=mood,
        tiles=tiles,
        figures=[segments_figure(segments)] if any(row.has("coverage_ratio") for row in segments) else [],
        tables=[table],
        todo=todo,
    )


def judged(whole: Row, short: list[Row], numbers: Numbers) -> tuple[str, Html]:
    """The mood and the sentence that answers whether the quarter is safe."""
    if whole.value("status") == "no_target":
        return "unknown", say(
            "Nobody can say: there is no target. {won} is won and {open} is open. "
            "Targets are rows of definitions/targets.csv.",
            won=numbers.money(whole["won_amount"]),
            open=numbers.money(whole["open_amount"]),
        )
    reached = say(
        "{won} of {target} is won",
        won=numbers.money(whole["won_amount"]),
        target=numbers.money(whole["target_amount"]),
    )
    if whole.value("status") == "covered":
        return "good", say("Yes: the target is reached. {reached}.", reached=reached)
    have = say(
        "{reached}. {remaining} is still to be won, and {have} times as much is open",
        reached=reached,
        remaining=numbers.money(whole["remaining_target_amount"]),
        have=times(whole["coverage_ratio"]),
    )
    if not whole.has("required_coverage_ratio"):
        return "unknown", say(
            "Nobody can say yet: no quarter was captured whole that would show how much is needed. {have}.", have=have
        )
    have = say(
        "{have}; past quarters needed {needed} times on this day.", have=have,
        needed=times(whole["required_coverage_ratio"]),
    )  # fmt: skip
    names = joined([name(row["segment"]) for row in short])
    if is_short(whole):
        where = say(" Short: {names}.", names=names) if short else ""
        return "bad", say("No: there is too little. {have}{where}", have=have, where=where)
    if short:
        return "mixed", say("As a whole yes, but {names} is short. {have}", have=have, names=names)
    return "good", say("Yes, so far. {have}", have=have)


def segments_figure(segments: list[Row]) -> Figure:
    """Each segment's coverage against what it needs."""
    rows = [
        charts.Bar(
            row.value("segment"),
            row["coverage_ratio"],
            row["required_coverage_ratio"],
            "orange" if is_short(row) else "blue",
        )
        for row in segments
        if row.has("coverage_ratio")
    ]
    said = "; ".join(
        f"{row.label} {times_of(row.value.value)}"
        + (f", needed {times_of(row.needed.value)}" if row.needed and row.needed.value is not None else "")
        for row in rows
    )
    text = charts.Text("segments", "Coverage by segment", f"Open pipeline for each unit still to be won: {said}.")
    drawn = charts.bars(text, rows, times_of, bar_means="coverage", need_means="needed")
    return Figure(
        drawn, Html("Open pipeline ÷ what is still to be won. A bar that does not reach its mark is too short.")
    )


def section(marts: Marts, scope: Scope, numbers: Numbers) -> Section:
    """Is there enough pipeline, compared with the quarters before, and for the next one?"""
    marts.require(*MARTS)
    history = marts.ask(
        "coverage-days",
        "coverage by day of the quarter, this one and those before it",
        f"""select
    coverage.fiscal_quarter, coverage.quarter_day, coverage.coverage_ratio, coverage.required_coverage_ratio,
    coverage.total_coverage_ratio
from rpt_pipeline_coverage as coverage
where coverage.segment = {literal(scope.segment)} and coverage.quarter_day >= 1
    and coverage.snapshot_date between {literal(scope.quarter_start)} - interval 400 day and {literal(scope.day)}
order by coverage.fiscal_quarter desc, coverage.quarter_day""",
    )
    following = next_quarter(marts, scope)
    current = history.where(fiscal_quarter=scope.quarter)
    if not any(row.has("coverage_ratio") for row in current):
        raise MissingError(
            f"{scope.quarter} has no target for {scope.segment}, so nobody can say what is enough. "
            "Targets are rows of definitions/targets.csv."
        )
    latest = current[-1]
    answer = say(
        "Open pipeline is {have} times what is still to be won",
        have=times(latest["coverage_ratio"]),
    )
    mood = "unknown"
    if latest.has("required_coverage_ratio"):
        mood = "bad" if is_below(latest) else "good"
        answer += say(
            ", and quarters before it needed {needed} times on the same day. That is {verdict}.",
            needed=times(latest["required_coverage_ratio"]),
            verdict="too little" if is_below(latest) else "enough",
        )
    else:
        answer += say(". No earlier quarter was captured whole, so nobody can say what is needed.")
    notes = []
    if following is not None:
        notes.append(ahead(following, numbers))
    return Section(
        id="coverage",
        question="Is there enough pipeline?",
        answer=Html(answer),
        mood=mood,
        figures=[days_figure(history, scope), total_figure(history, scope)],
        tables=[history, *([following] if following is not None else [])],
        notes=notes,
    )


def is_below(row: Row) -> bool:
    """Whether a day's coverage is below what was needed."""
    return bool(row.value("coverage_ratio") < row.value("required_coverage_ratio"))


def days_figure(history: Table, scope: Scope) -> Figure:
    """Coverage by day of the quarter: this quarter, the need, and the quarters before it in grey."""
    quarters = list(dict.fromkeys(row.value("fiscal_quarter") for row in history.rows))
    length = (scope.quarter_end - scope.quarter_start).days + 1
    drawn = []
    for number, quarter in enumerate(quarters):
        points = [(row.value("quarter_day"), row["coverage_ratio"]) for row in history.where(fiscal_quarter=quarter)]
        style = "s-blue" if quarter == scope.quarter else "s-grey"
        title = quarter if quarter == scope.quarter else "quarters before" if number == 1 else ""
        drawn.append(charts.Line(title, points, style))
    needed = [
        (row.value("quarter_day"), row["required_coverage_ratio"])
        for row in history.where(fiscal_quarter=scope.quarter)
    ]
    drawn.append(charts.Line("needed", needed, "s-orange dashed"))
    text = charts.Text(
        "coverage-days-figure",
        "Coverage by day of the quarter",
        f"{scope.quarter} in blue, what past quarters needed dashed, {len(quarters) - 1} quarters before in grey.",
    )
    picture = charts.lines(
        text, drawn[::-1], times_of, across=(1, length), left="first day", right="last day", most=HIGHEST
    )
    return Figure(
        picture,
        say(
            "Open pipeline ÷ what is still to be won, by day of the quarter. Near its end little is left to win, so "
            "the ratio shoots up: the figure ends at {most}.",
            most=Html(f'<span class="scale">{HIGHEST:g}</span>'),
        ),
    )


def total_figure(history: Table, scope: Scope) -> Figure:
    """What is won or open against the target, by day of the quarter."""
    length = (scope.quarter_end - scope.quarter_start).days + 1
    quarters = list(dict.fromkeys(row.value("fiscal_quarter") for row in history.rows))
    drawn = [
        charts.Line(
            quarter if quarter == scope.quarter else "quarters before" if number == 1 else "",
            [(row.value("quarter_day"), row["total_coverage_ratio"]) for row in history.where(fiscal_quarter=quarter)],
            "s-blue" if quarter == scope.quarter else "s-grey",
        )
        for number, quarter in enumerate(quarters)
    ]
    text = charts.Text(
        "coverage-total-figure",
        "Won and open against the target, by day of the quarter",
        f"{scope.quarter} in blue, {len(quarters) - 1} quarters before in grey.",
    )
    picture = charts.lines(text, drawn[::-1], times_of, across=(1, length), left="first day", right="last day")
    return Figure(picture, Html("Won and open ÷ the target, by day of the quarter."))


def next_quarter(marts: Marts, scope: Scope) -> Table | None:
    """What was due in the quarter after a day's, as long before it began, for this one and those before."""
    table = marts.ask(
        "next-quarter",
        "the next quarter, and how those before it stood as long before they began",
        f"""select fiscal_quarter, snapshot_date, open_amount, target_amount, total_coverage_ratio
from rpt_pipeline_coverage
where segment = {literal(scope.segment)} and snapshot_date <= {literal(scope.day)}
    and quarter_day = (
        select max(quarter_day) from rpt_pipeline_coverage
        where snapshot_date = {literal(scope.day)} and quarter_day <= 0
    )
order by snapshot_date desc""",
    )
    return table if table.rows else None


def ahead(following: Table, numbers: Numbers) -> Html:
    """How the next quarter stands, beside the one before it at the same distance."""
    now = following.rows[0]
    sentence = say(
        "The next quarter, {quarter}, has {open} open already",
        quarter=name(now["fiscal_quarter"]), open=numbers.money(now["open_amount"]),
    )  # fmt: skip
    if now.has("target_amount"):
        sentence = say("{so_far} for a target of {target}", so_far=sentence, target=numbers.money(now["target_amount"]))
    if len(following.rows) > 1:
        before = following.rows[1]
        sentence = say(
            "{so_far}; as long before it began, {quarter} had {open}",
            so_far=sentence, quarter=name(before["fiscal_quarter"]), open=numbers.money(before["open_amount"]),
        )  # fmt: skip
    return say("{sentence}.", sentence=sentence)
